// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { ForcePush } from "../../../reconciler/1-source/git-fetch.ts";
import { defaultLimits } from "../../../reconciler/1-source/limits.ts";
import { temporaryFolder } from "../temporary.ts";
import { type FetchingHost, fetchingHost } from "./fetching.ts";
import { type TestRepository, testRepository } from "./repository.ts";

/** A repository with three commits, and a host that has applied the newest. */
async function threeCommits(t: ExecutionContext, forcePush?: ForcePush) {
  const repository = testRepository(t);
  const commits = ["1", "2", "3"].map((text) => repository.commit({ a: text })) as [string, string, string];
  const host = fetchingHost(t, repository.path, forcePush === undefined ? {} : { forcePush });
  await fetchAndApply(host);
  return { repository, host, commits };
}

async function fetchAndApply(host: FetchingHost): Promise<string> {
  const { revision, message } = await host.fetch();
  if (revision === undefined) throw new Error(message);
  await host.apply(revision);
  return revision.name;
}

/** How many commits the cache can name without asking anybody. */
function cached({ cache }: FetchingHost): number {
  const git = (...args: readonly string[]) => execFileSync("git", ["-C", join(cache, "repository.git"), ...args], { encoding: "utf8" });
  return git("rev-list", "--all").trim().split("\n").length;
}

const refused = { code: "source-rewound", message: 'Cannot follow branch "main": commit C does not go on from C, which was applied last' };

test("a branch that goes on is taken by every policy, and brings only what lies between", async (t) => {
  for (const forcePush of ["follow", "alert", "refuse"] as const) {
    const { repository, host } = await threeCommits(t, forcePush);
    t.is(cached(host), 1);

    repository.commit({ a: "4" });
    t.is((await host.fetch()).revision?.rewound, undefined);
    await fetchAndApply(host);
    t.is(cached(host), forcePush === "follow" ? 1 : 2);
    for (const text of ["5", "6", "7"]) repository.commit({ a: text });
    const { revision } = await host.fetch();

    t.is(revision?.commit, repository.git("rev-parse", "HEAD"));
    t.is(revision?.rewound, undefined);
    t.is(cached(host), forcePush === "follow" ? 1 : 5);
  }
});

test("a merge of what was applied goes on from it, by whichever parent", async (t) => {
  const { repository, host, commits } = await threeCommits(t, "refuse");
  repository.git("checkout", "--quiet", "-b", "side", commits[0]);
  repository.commit({ b: "side" });
  repository.git("merge", "--quiet", "--no-ff", "--no-edit", "main");
  repository.git("push", "--quiet", "--force", ".", "side:main");

  t.is((await host.fetch()).revision?.rewound, undefined);
});

test("an older commit, another one in its place and a foreign history are taken, told of or refused, as the policy says", async (t) => {
  const rewinds: readonly ((repository: TestRepository, first: string) => void)[] = [
    ({ git }, first) => git("reset", "--quiet", "--hard", first),
    ({ git }) => git("commit", "--quiet", "--amend", "--message", "another"),
    ({ git, commit }) => {
      git("checkout", "--quiet", "--orphan", "other");
      commit({ b: "foreign" });
      git("branch", "--force", "main");
    },
  ];
  for (const rewind of rewinds)
    for (const forcePush of ["follow", "alert", "refuse"] as const) {
      const { repository, host, commits } = await threeCommits(t, forcePush);
      rewind(repository, commits[0]);
      const before = `main@sha1:${commits[2]}`;

      // The second process finds it fetched already, and knows no more than the first did.
      for (const _process of [1, 2]) {
        const { revision, ...error } = await host.fetch();
        t.deepEqual(error, forcePush === "refuse" ? refused : {});
        t.is(revision?.rewound, forcePush === "alert" ? before : undefined);
      }
    }
});

test("what somebody applies by hand is gone on from; a branch that comes back is welcome", async (t) => {
  const { repository, host, commits } = await threeCommits(t, "refuse");
  repository.git("reset", "--quiet", "--hard", commits[0]);
  t.deepEqual(await host.fetch(), refused);
  repository.git("reset", "--quiet", "--hard", commits[2]);
  t.is((await host.fetch()).revision?.commit, commits[2]);

  repository.git("reset", "--quiet", "--hard", commits[0]);
  await host.apply({ name: `main@sha1:${commits[0]}`, commit: commits[0] }, true);
  repository.commit({ a: "anew" });

  t.is((await host.fetch()).revision?.subject, "change");
});

test("with the cache lost, what was applied is looked for in the whole history", async (t) => {
  const { repository, host, commits } = await threeCommits(t, "refuse");
  repository.commit({ a: "4" });
  rmSync(host.cache, { recursive: true });
  t.is((await host.fetch()).revision?.rewound, undefined);

  repository.git("reset", "--quiet", "--hard", commits[0]);
  rmSync(host.cache, { recursive: true });
  t.deepEqual(await host.fetch(), { ...refused, message: refused.message.replace("was applied last", "was there before") });
});

test("where an agent that did not look back has left a gap, the gap is filled", async (t) => {
  const { repository, host } = await threeCommits(t, "refuse");
  repository.commit({ a: "4" });
  // As an agent that follows leaves it: the newest commit alone, without what was before it.
  execFileSync("git", [
    "-C",
    join(host.cache, "repository.git"),
    "fetch",
    "--quiet",
    "--depth=1",
    repository.path,
    "+refs/heads/main:refs/sluice/fetched",
  ]);
  repository.commit({ a: "5" });

  const { revision, message } = await host.fetch();

  t.is(message, undefined);
  t.is(revision?.rewound, undefined);
});

test("a moved tag is noticed like a branch; another branch and a commit that is named are what the operator wants", async (t) => {
  const repository = testRepository(t);
  const first = repository.commit({ a: "1" });
  const second = repository.commit({ a: "2" });
  const at = (kind: "branch" | "tag" | "commit", name: string) =>
    fetchingHost(t, repository.path, { forcePush: "refuse", ref: { kind, name } });
  repository.git("tag", "live", first);
  repository.git("branch", "release", first);

  const [tag, branch, commit] = [at("tag", "live"), at("branch", "release"), at("commit", first)];
  await tag.apply({ name: `live@sha1:${second}`, commit: second });
  t.is((await tag.fetch()).code, "source-rewound");
  await branch.apply({ name: `main@sha1:${second}`, commit: second });
  t.is((await branch.fetch()).revision?.commit, first);
  await commit.apply({ name: `sha1:${second}`, commit: second });
  t.is((await commit.fetch()).revision?.commit, first);
});

test("a server that holds back the history cannot pass off one commit for another's successor", async (t) => {
  const { repository, host, commits } = await threeCommits(t, "refuse");
  repository.git("commit", "--quiet", "--amend", "--message", "another");
  const cut = join(temporaryFolder(t), "cut.git");
  execFileSync("git", ["clone", "--quiet", "--bare", "--depth=1", `file://${repository.path}`, cut]);
  const fromCut = fetchingHost(t, cut, { forcePush: "refuse" });
  await fromCut.apply({ name: `main@sha1:${commits[2]}`, commit: commits[2] });

  t.deepEqual(await fromCut.fetch(), refused);
  t.deepEqual(await host.fetch(), refused);
});

test("a history that is larger than a fetch may be changes nothing", async (t) => {
  const repository = testRepository(t);
  const commits = ["a", "b", "c"].map((text) => repository.commit({ a: text.repeat(10) }));
  const host = fetchingHost(t, repository.path, { forcePush: "alert", limits: { ...defaultLimits, fetchBytes: 300 } });
  await host.apply({ name: `main@sha1:${"0".repeat(40)}`, commit: "0".repeat(40) });

  t.is(commits.length, 3);
  t.regex((await host.fetch()).message ?? "", /it sends more than 300 bytes$/);
});

test("a commit right on top of what was applied by another process needs no more than itself", async (t) => {
  const repository = testRepository(t);
  const commits = ["1", "2", "3"].map((text) => repository.commit({ a: text }));
  const host = fetchingHost(t, repository.path, { forcePush: "refuse" });
  await host.apply({ name: `main@sha1:${commits[1]}`, commit: commits[1] ?? "" });

  t.is((await host.fetch()).revision?.commit, commits[2]);
  t.is(cached(host), 1);
});

test("an object that git refuses, somewhere below the newest commit, is told of and does not keep a host from what mends it", async (t) => {
  for (const forcePush of ["follow", "alert", "refuse"] as const) {
    const { repository, host, commits } = await threeCommits(t, forcePush);
    const { git } = repository;
    const file = join(temporaryFolder(t), "commit");
    writeFileSync(
      file,
      `${git("cat-file", "commit", "HEAD")
        .replace(/^parent .*/m, `parent ${commits[2]}`)
        .replace("Alice <", "Alice<")}\n`,
    );
    git("reset", "--quiet", "--hard", git("hash-object", "-t", "commit", "-w", "--literally", file));
    t.regex((await host.fetch()).message ?? "", /it has an object that git's own check refuses$/);

    repository.commit({ a: "mended" });
    const { revision, ...error } = await host.fetch();

    t.deepEqual(error, forcePush === "refuse" ? refused : {});
    t.is(revision?.rewound, forcePush === "alert" ? `main@sha1:${commits[2]}` : undefined);
  }
});

/** Three commits, of which the host has applied the first and only seen the newest: it was quarantined, say. */
async function appliedAndSeen(t: ExecutionContext, forcePush: ForcePush) {
  const repository = testRepository(t);
  const first = repository.commit({ a: "1" });
  const host = fetchingHost(t, repository.path, { forcePush });
  await fetchAndApply(host);
  const between = repository.commit({ a: "2" });
  const newest = repository.commit({ a: "3" });
  t.is((await host.fetch()).revision?.rewound, undefined);
  const rewind = (commit: string) => void repository.git("reset", "--quiet", "--hard", commit);
  return { repository, host, first, between, newest, rewind };
}

test("a rewind behind what was only seen is noticed, to the commit that is applied and to one between", async (t) => {
  for (const to of ["first", "between"] as const)
    for (const forcePush of ["follow", "alert", "refuse"] as const) {
      const { host, rewind, newest, ...commits } = await appliedAndSeen(t, forcePush);
      rewind(commits[to]);

      for (const _process of [1, 2]) {
        const { revision, ...error } = await host.fetch();
        const message = 'Cannot follow branch "main": commit C does not go on from C, which was there before';
        t.deepEqual(error, forcePush === "refuse" ? { code: "source-rewound", message } : {});
        t.is(revision?.rewound, forcePush === "alert" ? `main@sha1:${newest}` : undefined);
      }
    }
});

test("what was only seen may come back, or be gone on from, also when it is no longer in the cache", async (t) => {
  for (const loseCache of [false, true]) {
    const { host, rewind, newest, first, repository } = await appliedAndSeen(t, "refuse");
    rewind(first);
    t.is((await host.fetch()).code, "source-rewound");
    if (loseCache) rmSync(host.cache, { recursive: true });
    t.is((await host.fetch()).code, "source-rewound");

    rewind(newest);
    t.is((await host.fetch()).revision?.commit, newest);
    repository.commit({ a: "4" });
    t.is((await host.fetch()).revision?.rewound, undefined);
  }
});

test("a rewind that was told of is told of until something goes on from it, through a restart", async (t) => {
  const { host, rewind, newest, first, repository } = await appliedAndSeen(t, "alert");
  rewind(first);
  await host.fetch();
  t.is((await host.fetch()).revision?.rewound, `main@sha1:${newest}`);

  repository.commit({ a: "anew" });

  t.is((await host.fetch()).revision?.rewound, undefined);
});

test("somebody who applies the commit by hand decides that it is to be gone on from", async (t) => {
  const { host, rewind, first, repository } = await appliedAndSeen(t, "refuse");
  rewind(first);
  t.is((await host.fetch()).code, "source-rewound");

  await host.apply({ name: `main@sha1:${first}`, commit: first }, true);

  t.is((await host.fetch()).revision?.commit, first);
  repository.commit({ a: "anew" });
  t.is((await host.fetch()).revision?.rewound, undefined);
});

test("an agent that has taken a rewound commit is told when somebody applies that commit by hand", async (t) => {
  const repository = testRepository(t);
  const host = fetchingHost(t, repository.path, { forcePush: "alert", runsOn: true });
  const old = repository.commit({ a: "1" });
  await fetchAndApply(host);
  repository.commit({ a: "2" });
  const newer = await fetchAndApply(host);
  repository.git("reset", "--quiet", "--hard", old);

  for (const _poll of [1, 2]) t.is((await host.fetch()).revision?.rewound, newer);
  await host.apply({ name: `main@sha1:${old}`, commit: old }, true);
  t.is((await host.fetch()).revision?.rewound, undefined);
});

test("who only looks remembers nothing, and each repository and branch is remembered by itself", async (t) => {
  const { host, rewind, first, repository } = await appliedAndSeen(t, "refuse");
  const looking = fetchingHost(t, repository.path, { forcePush: "refuse", remembers: false });
  await looking.apply({ name: `main@sha1:${first}`, commit: first });
  await looking.fetch();
  rewind(first);

  t.is((await looking.fetch()).revision?.commit, first);
  t.is((await host.fetch()).code, "source-rewound");
});

test("a torn record of what was seen stops an agent, and nobody who asks by hand", async (t) => {
  const repository = testRepository(t);
  const commit = repository.commit({ a: "1" });
  const agent = fetchingHost(t, repository.path, {});
  const person = fetchingHost(t, repository.path, { remembers: false });
  for (const { cache } of [agent, person]) writeFileSync(join(dirname(cache), "seen.json"), '{\n  "format": 1,\n  "ent');

  t.is((await agent.fetch()).code, "state-unwritable");
  t.is((await person.fetch()).revision?.commit, commit);
});
