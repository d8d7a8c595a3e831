// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { libraryFiles } from "../../../bpf/programs/library.ts";
import { renderDesired } from "../../../reconciler/2-desired/render-desired.ts";
import { policyReader } from "../../../reconciler/host.ts";
import type { Snapshot } from "../../../reconciler/model/snapshot.ts";
import type { Answered } from "../../../reconciler/parser/confined-process.ts";
import { encodeAnswers, type Question } from "../../../reconciler/parser/messages.ts";
import { renderApart } from "../../../reconciler/parser/render-apart.ts";
import { readParseTries, writeParseTries } from "../../../reconciler/state/parse-tries.ts";
import { temporaryFolder } from "../temporary.ts";

const crashed: Answered = { kind: "crashed", how: "SIGSEGV" };

test("a policy that is read is not asked about again, under whatever commit", async (t) => {
  const { render, asked } = apart(t, [answered]);

  const [first] = await render(policy("one", 23), ["edge-1"]);
  const [again] = await render(policy("two", 23), ["edge-1"]);

  t.is(asked.length, 1);
  t.like(first, { kind: "rendered", desired: { revision: { name: "one" } } });
  t.like(again, { kind: "rendered", desired: { revision: { name: "two" } } });
});

test("a policy that crashes the process twice is quarantined, also for the agent that starts next; another one is read", async (t) => {
  const { render, asked, state } = apart(t, [crashed, crashed, answered]);

  await t.throwsAsync(render(policy("bad", 23), ["edge-1"]), {
    code: "parser-crashed",
    message: "Cannot read the policy: the process that read it came to no end: SIGSEGV",
  });
  const second = {
    code: "parser-quarantined",
    message: "Policy quarantined: reading it came to no end 2 times: SIGSEGV",
  };
  await t.throwsAsync(render(policy("bad", 23), ["edge-1"]), second);
  await t.throwsAsync(render(policy("bad again", 23), ["edge-1"]), second);
  const next = apart(t, [answered], state);
  await t.throwsAsync(next.render(policy("bad", 23), ["edge-1"]), second);
  const [good] = await render(policy("good", 24), ["edge-1"]);

  t.is(good?.kind, "rendered");
  t.deepEqual([asked.length, next.asked.length], [3, 0]);
});

test("a policy with which the agent died is known by whoever starts next, and quarantined after the second time", async (t) => {
  const { state } = apart(t, []);
  const dies = () => apart(t, [new Error("the agent is killed here")], state).render(policy("bad", 23), ["edge-1"]);

  await t.throwsAsync(dies(), { message: "the agent is killed here" });
  await t.throwsAsync(dies(), { message: "the agent is killed here" });

  await t.throwsAsync(dies(), {
    code: "parser-quarantined",
    message: "Policy quarantined: reading it came to no end 2 times: the agent died with it",
  });
});

test("where no process can be started that is no fault of the policy, however often", async (t) => {
  const none: Answered = { kind: "unavailable", why: "spawn ENOMEM" };
  const { render, state } = apart(t, [none, none, none, answered]);

  for (let time = 0; time < 3; time++)
    await t.throwsAsync(render(policy("one", 23), ["edge-1"]), {
      code: "parser-unavailable",
      message: "Cannot read the policy: no process to read it in: spawn ENOMEM",
    });

  t.false(readFileSync(join(state, "parsing.json"), "utf8").includes("content"));
  t.is((await render(policy("one", 23), ["edge-1"])).length, 1);
});

test("… also behind a crash, which stays one", async (t) => {
  const { render } = apart(t, [crashed, { kind: "unavailable", why: "spawn ENOMEM" }, answered]);

  await t.throwsAsync(render(policy("one", 23), ["edge-1"]), { code: "parser-crashed" });
  await t.throwsAsync(render(policy("one", 23), ["edge-1"]), { code: "parser-unavailable" });

  t.is((await render(policy("one", 23), ["edge-1"])).length, 1);
});

test("an answer that is none counts as a crash", async (t) => {
  const { render } = apart(t, [{ kind: "answered", bytes: Buffer.from("nonsense") }]);

  await t.throwsAsync(render(policy("one", 23), ["edge-1"]), {
    code: "parser-crashed",
    message: /The answer is cut off or has another form$/,
  });
});

test("an agent that starts with the policy it had before writes nothing", async (t) => {
  const { render, state } = apart(t, [answered]);
  await render(policy("one", 23), ["edge-1"]);
  const file = join(state, "parsing.json");
  const before = statSync(file, { bigint: true });

  await apart(t, [answered], state).render(policy("one", 23), ["edge-1"]);

  const after = statSync(file, { bigint: true });
  t.deepEqual([after.ino, after.mtimeNs], [before.ino, before.mtimeNs]);
});

test("the newest twenty policies are remembered", async (t) => {
  const state = temporaryFolder(t);

  for (let number = 0; number < 21; number++) await writeParseTries(state, { content: `${number}`, tries: 1, ended: "SIGSEGV" });

  t.true(existsSync(join(state, "parsing.json")));
  t.is(await readParseTries(state, "0"), null);
  t.deepEqual(await readParseTries(state, "1"), { content: "1", tries: 1, ended: "SIGSEGV" });
});

type Plays = Answered | Error | ((question: Question) => Answered);

/** A Render whose process plays these ends, one after another. */
function apart(t: ExecutionContext, plays: readonly Plays[], state = temporaryFolder(t)) {
  const asked: Question[] = [];
  const render = renderApart({
    state,
    asker: { ...policyReader, remember: () => undefined },
    async parse(question) {
      const end = plays[asked.push(question) - 1];
      if (end instanceof Error || end === undefined) throw end ?? new Error("Nobody expected this");
      return typeof end === "function" ? end(question) : end;
    },
  });
  return { render, asked, state };
}

function answered({ snapshot, hosts }: Question): Answered {
  const rendered = hosts.map((host) => renderDesired({ ...policyReader, snapshot, host }));
  return { kind: "answered", bytes: encodeAnswers(rendered, snapshot, policyReader, libraryFiles()) };
}

function policy(name: string, port: number): Snapshot {
  const text = `apiVersion: sluice/v1
interface: eth0
xdp:
  chain:
    - name: block
      uses: acl
      with: { rules: [{ protocol: tcp, dport: ${port}, action: drop }] }
`;
  return {
    revision: { name, commit: null, author: null, subject: null, committed: null },
    files: new Map([["interfaces/eth0.yaml", Buffer.from(text)]]),
  };
}
