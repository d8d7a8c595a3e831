// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { setMaxListeners } from "node:events";
import { chmodSync, existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { GitSourceOptions } from "../../../reconciler/1-source/git-source.ts";
import { defaultLimits } from "../../../reconciler/1-source/limits.ts";
import { openSource, type Source } from "../../../reconciler/1-source/source.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { temporaryFolder } from "../temporary.ts";
import { type TestRepository, testRepository, textOf } from "./repository.ts";

const never = new AbortController().signal;
setMaxListeners(0, never);

test("a branch: the newest commit, who made it and why, and its files", async (t) => {
  const repository = testRepository(t);
  repository.commit({ "interfaces/eth0.yaml": "old" });
  const commit = repository.commit({ "interfaces/eth0.yaml": "new", "lists/ü.txt": "\0binary\n" }, "Block \u001b[31mscanner\u202e");
  const source = sourceOf(t, repository);

  const fetched = await source.fetch(never);
  const { files } = await source.snapshot(fetched, never);

  t.deepEqual(fetched, {
    identity: commit,
    revision: {
      name: `main@sha1:${commit}`,
      commit,
      author: "Alice",
      subject: "Block \ufffd[31mscanner\ufffd",
      committed: "2026-11-18T09:12:04.000Z",
    },
  });
  t.deepEqual(textOf(files), { "interfaces/eth0.yaml": "new", "lists/ü.txt": "\0binary\n" });
});

test("tags with and without a message, and a commit that is no longer a tip", async (t) => {
  const repository = testRepository(t);
  const first = repository.commit({ a: "1" });
  repository.git("tag", "plain");
  repository.git("tag", "--annotate", "--message=x", "signed");
  repository.commit({ a: "2" });

  for (const ref of [
    { kind: "tag", name: "plain" },
    { kind: "tag", name: "signed" },
    { kind: "commit", name: first },
  ] as const) {
    const source = sourceOf(t, repository, { ref });
    const fetched = await source.fetch(never);
    t.is(fetched.identity, first);
    t.deepEqual(textOf((await source.snapshot(fetched, never)).files), { a: "1" });
  }
});

test("a folder of the repository, and one that the commit does not have", async (t) => {
  const repository = testRepository(t);
  repository.commit({ "hosts/edge/interfaces/eth0.yaml": "x", "other/y": "y" });
  const edge = sourceOf(t, repository, { path: "hosts/edge" });
  const gone = sourceOf(t, repository, { path: "hosts/core" });

  const { files } = await edge.snapshot(await edge.fetch(never), never);
  const fetched = await gone.fetch(never);
  const error = await t.throwsAsync(gone.snapshot(fetched, never), { instanceOf: ReconcilerError });

  t.deepEqual(textOf(files), { "interfaces/eth0.yaml": "x" });
  t.is(error.code, "source-invalid");
  t.is(error.message, `Cannot read folder "hosts/core": commit ${fetched.identity} has none of that name`);
});

test("nothing new costs no transfer; a new commit, a force-push and a packed ref are followed", async (t) => {
  const repository = testRepository(t);
  const cache = join(temporaryFolder(t), "cache");
  const first = repository.commit({ a: "1" });
  const source = sourceOf(t, repository, { cache });
  const packs = () => readdirSync(join(cache, "repository.git/objects/pack")).filter((name) => name.endsWith(".pack")).length;

  t.is((await source.fetch(never)).identity, first);
  t.is((await source.fetch(never)).identity, first);
  t.is(packs(), 1);
  const second = repository.commit({ a: "2" });
  t.is((await source.fetch(never)).identity, second);
  repository.git("reset", "--quiet", "--hard", first);
  const third = repository.commit({ a: "3" });
  repository.git("pack-refs", "--all");
  t.is((await source.fetch(never)).identity, third);
  t.deepEqual(textOf((await source.snapshot({ ...(await source.fetch(never)) }, never)).files), { a: "3" });
  t.is(packs(), 3);
});

test("a source that is said to have moved is fetched without asking, also when it has not, or has lost the branch", async (t) => {
  const repository = testRepository(t);
  const cache = join(temporaryFolder(t), "cache");
  const source = sourceOf(t, repository, { cache });
  const packs = () => readdirSync(join(cache, "repository.git/objects/pack")).filter((name) => name.endsWith(".pack")).length;
  repository.commit({ a: "1" });
  const first = await source.fetch(never, true);
  const second = repository.commit({ a: "2", "b/c": "3" });

  const fetched = await source.fetch(never, true);
  const again = await source.fetch(never, true);

  t.not(first.identity, second);
  t.deepEqual([fetched.identity, again], [second, fetched]);
  t.deepEqual(textOf((await source.snapshot(again, never)).files), { a: "2", "b/c": "3" });
  t.is(packs(), 2);
  repository.git("branch", "--move", "other");
  const error = await t.throwsAsync(source.fetch(never, true), { instanceOf: ReconcilerError });
  t.deepEqual(
    [error.code, error.message],
    ["source-ref-missing", `Cannot fetch branch "main" of "${repository.path}": there is no such branch`],
  );
  t.deepEqual(textOf((await source.snapshot(fetched, never)).files), { a: "2", "b/c": "3" });
});

test("a repository on this host whose branch is where it was is asked without git, one that has moved is not", async (t) => {
  const repository = testRepository(t);
  const cache = join(temporaryFolder(t), "cache");
  const source = sourceOf(t, repository, { cache });
  repository.commit({ a: "1" });
  const first = await source.fetch(never);
  // git would make it again.
  const head = join(cache, "repository.git/HEAD");
  rmSync(head);

  const again = await source.fetch(never);
  const wasMade = existsSync(head);
  const second = repository.commit({ a: "2" });
  const moved = await source.fetch(never);

  t.deepEqual([again, wasMade, moved.identity, existsSync(head)], [first, false, second, true]);
});

test("what was fetched can be read when the repository is gone", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const source = sourceOf(t, repository);
  const fetched = await source.fetch(never);

  rmSync(repository.path, { recursive: true });

  t.deepEqual(textOf((await source.snapshot(fetched, never)).files), { a: "1" });
  const error = await t.throwsAsync(source.fetch(never), { instanceOf: ReconcilerError });
  t.is(error.code, "source-refused");
  t.is(error.message, `Cannot fetch branch "main" of "${repository.path}": there is no git repository at that address`);
});

test("a ref that is not there is missing, not empty; so it is in an empty repository", async (t) => {
  const repository = testRepository(t);
  const empty = await t.throwsAsync(sourceOf(t, repository).fetch(never), { instanceOf: ReconcilerError });
  repository.commit({ a: "1" });
  const source = sourceOf(t, repository, { ref: { kind: "tag", name: "v9" } });
  const gone = sourceOf(t, repository, { ref: { kind: "commit", name: "12".repeat(20) } });

  const missing = await t.throwsAsync(source.fetch(never), { instanceOf: ReconcilerError });
  const lost = await t.throwsAsync(gone.fetch(never), { instanceOf: ReconcilerError });

  t.deepEqual([empty.code, missing.code, lost.code], ["source-ref-missing", "source-ref-missing", "source-ref-missing"]);
  t.is(missing.message, `Cannot fetch tag "v9" of "${repository.path}": there is no such tag`);
  t.is(lost.message, `Cannot fetch commit "${"12".repeat(20)}" of "${repository.path}": there is nothing of that name in it`);
});

test("symbolic links and submodules in the policy's folder are refused by name", async (t) => {
  const linked = testRepository(t);
  linked.write({ a: "1" });
  symlinkSync("../../etc/passwd", join(linked.path, "list.txt"));
  linked.commit({});
  const nested = testRepository(t);
  const inner = nested.commit({ a: "1" });
  nested.git("update-index", "--add", "--cacheinfo", `160000,${inner},vendor`);
  nested.git("commit", "--quiet", "--message=x");

  t.is(await messageOfSnapshot(t, linked), 'Cannot read "list.txt": it is a symbolic link');
  t.is(await messageOfSnapshot(t, nested), 'Cannot read "vendor": it is a submodule');
});

test("nothing of a hostile repository is run", async (t) => {
  const repository = testRepository(t);
  const marker = join(temporaryFolder(t), "ran");
  repository.commit({
    ".gitattributes": "* filter=evil diff=evil\n",
    ".gitmodules": `[submodule "x"]\n\tpath = x\n\turl = ext::touch ${marker}\n`,
    a: "1",
  });
  for (const hook of ["post-checkout", "post-upload-pack", "reference-transaction", "post-index-change", "pre-auto-gc"]) {
    const path = join(repository.path, ".git/hooks", hook);
    writeFileSync(path, `#!/bin/sh\ntouch ${marker}\n`);
    chmodSync(path, 0o755);
  }
  repository.git("config", "filter.evil.smudge", `touch ${marker}`);
  repository.git("config", "uploadpack.packObjectsHook", `touch ${marker};`);
  repository.git("config", "core.fsmonitor", `touch ${marker}`);
  const source = sourceOf(t, repository);

  const { files } = await source.snapshot(await source.fetch(never), never);

  t.is(textOf(files)["a"], "1");
  t.false(existsSync(marker));
});

test.serial("nothing of a hostile environment reaches git", async (t) => {
  const repository = testRepository(t);
  const commit = repository.commit({ a: "1" });
  const marker = join(temporaryFolder(t), "ran");
  const hostile = {
    GIT_DIR: "/nonexistent",
    GIT_EXEC_PATH: "/nonexistent",
    GIT_SSH_COMMAND: `touch ${marker}`,
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "core.fsmonitor",
    GIT_CONFIG_VALUE_0: `touch ${marker}`,
    GIT_TRACE: marker,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: "/nonexistent",
    LD_PRELOAD: "/nonexistent.so",
    EDITOR: "false",
  };
  Object.assign(process.env, hostile);
  t.teardown(() => {
    for (const name of Object.keys(hostile)) Reflect.deleteProperty(process.env, name);
  });

  const fetched = await sourceOf(t, repository).fetch(never);

  t.is(fetched.identity, commit);
  t.false(existsSync(marker));
});

test("what is too much is refused", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "12345", "b/c/d": "12345" });

  t.is(
    await messageOfSnapshot(t, repository, { limits: { ...defaultLimits, files: 1 } }),
    "Cannot read the policy: it has 2 files, at most 1 are read",
  );
  t.is(
    await messageOfSnapshot(t, repository, { limits: { ...defaultLimits, fileBytes: 4 } }),
    'Cannot read "a": it has 5 bytes, at most 4 are read',
  );
});

test("a long list of files is refused before it is read", async (t) => {
  const repository = testRepository(t);
  repository.commit(Object.fromEntries(Array.from({ length: 12 }, (_, number) => [`file-${number}`, ""])));

  t.is(
    await messageOfSnapshot(t, repository, { limits: { ...defaultLimits, files: 1, depth: 1 } }),
    "Cannot read the policy: the lists of its files are too long",
  );
});

test("the sizes of files are added up before they are read", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1".repeat(60), b: "2".repeat(60) });

  t.is(
    await messageOfSnapshot(t, repository, { limits: { ...defaultLimits, totalBytes: 119 } }),
    "Cannot read the policy: its files have more than 119 bytes together",
  );
});

test("trees that name one another again and again are refused before they are walked", async (t) => {
  const repository = testRepository(t);
  let tree = repository.git("hash-object", "-t", "tree", "-w", "/dev/null");
  for (let level = 0; level < 8; level++) {
    const path = join(repository.path, ".git", "tree");
    const entries = Array.from({ length: 10 }, (_, number) => [Buffer.from(`40000 ${number}\0`), Buffer.from(tree, "hex")]).flat();
    writeFileSync(path, Buffer.concat(entries));
    tree = repository.git("hash-object", "-t", "tree", "-w", path);
  }
  repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", "-m", "x", tree));

  t.is(
    await messageOfSnapshot(t, repository, { limits: { ...defaultLimits, files: 100, depth: 9 } }),
    "Cannot read the policy: it has more than 900 folders",
  );
});

test("a cache that was damaged is made anew", async (t) => {
  const repository = testRepository(t);
  const cache = join(temporaryFolder(t), "cache");
  const source = sourceOf(t, repository, { cache });
  repository.commit({ a: "1" });
  await source.fetch(never);

  for (const damage of ["config", "HEAD", "objects", ""]) {
    const commit = repository.commit({ a: "1" });
    rmSync(join(cache, "repository.git", damage), { recursive: true });
    if (damage === "config" || damage === "HEAD") writeFileSync(join(cache, "repository.git", damage), "\0\0\0");
    const fetched = await source.fetch(never);
    t.is(fetched.identity, commit, damage);
    t.deepEqual(textOf((await source.snapshot(fetched, never)).files), { a: "1" }, damage);
  }
});

test("a cache that is damaged before something is read again is made anew by the next fetch", async (t) => {
  const repository = testRepository(t);
  const cache = join(temporaryFolder(t), "cache");
  const source = sourceOf(t, repository, { cache });
  repository.commit({ a: "1" });
  const fetched = await source.fetch(never);
  await source.snapshot(fetched, never);
  rmSync(join(cache, "repository.git/objects"), { recursive: true });

  await t.throwsAsync(source.snapshot(fetched, never), { instanceOf: ReconcilerError, message: /^Cannot read "main@sha1:/ });

  t.deepEqual(textOf((await source.snapshot(await source.fetch(never), never)).files), { a: "1" });
});

test("a tag of something that is no commit is refused", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  repository.git("tag", "tree", "HEAD^{tree}");
  const source = sourceOf(t, repository, { ref: { kind: "tag", name: "tree" } });

  const error = await t.throwsAsync(source.fetch(never), { instanceOf: ReconcilerError });

  t.deepEqual([error.code, error.message], ["source-refused", `Cannot fetch tag "tree" of "${repository.path}": it is not a commit`]);
});

test("a lock that a killed fetch left is no lasting harm", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const cache = join(temporaryFolder(t), "cache");
  const source = sourceOf(t, repository, { cache });
  await source.fetch(never);
  writeFileSync(join(cache, "repository.git/shallow.lock"), "");
  writeFileSync(join(cache, "repository.git/refs/sluice/fetched.lock"), "");

  const commit = repository.commit({ a: "2" });

  t.is((await source.fetch(never)).identity, commit);
});

test("many fetches leave few packs", async (t) => {
  const repository = testRepository(t);
  const cache = join(temporaryFolder(t), "cache");
  const source = sourceOf(t, repository, { cache });
  const packs = () => readdirSync(join(cache, "repository.git/objects/pack")).filter((name) => name.endsWith(".pack"));
  repository.commit({ a: "1" });
  await source.fetch(never);
  const [pack = ""] = packs();
  for (let copy = 0; copy < 50; copy++) {
    const name = join(cache, "repository.git/objects/pack", pack);
    for (const end of ["pack", "idx"])
      execFileSync("cp", [
        name.replace(/pack$/, end),
        name.replace(/-[0-9a-f]{4}/, `-${String(copy).padStart(4, "0")}`).replace(/pack$/, end),
      ]);
  }

  repository.commit({ a: "2" });
  const fetched = await source.fetch(never);

  t.true(packs().length < 5);
  t.deepEqual(textOf((await source.snapshot(fetched, never)).files), { a: "2" });
});

test.serial("a source without a cache of its own leaves nothing behind", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const temporary = temporaryFolder(t);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = temporary;
  const source = openSource(optionsOf(repository, { cache: null }));

  await source.fetch(never);
  const used = readdirSync(temporary).length;
  await source.close();
  if (before === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = before;

  t.is(used, 1);
  t.deepEqual(readdirSync(temporary), []);
});

test("where to watch: the refs of a work tree and of a bare repository", (t) => {
  const repository = testRepository(t);
  const bare = join(temporaryFolder(t), "bare.git");
  repository.git("clone", "--quiet", "--bare", repository.path, bare);

  t.deepEqual(sourceOf(t, repository).watch, [join(repository.path, ".git/refs"), join(repository.path, ".git/packed-refs")]);
  t.deepEqual(openSource({ ...optionsOf(repository), repository: bare }).watch, [join(bare, "refs"), join(bare, "packed-refs")]);
});

test("openSource() refuses folders that lead elsewhere", (t) => {
  const repository = testRepository(t);

  for (const path of ["..", "a/../b", "/etc", "a//b", "a:b", "a\\b", "."]) {
    t.throws(() => sourceOf(t, repository, { path }), {
      instanceOf: ReconcilerError,
      message: `Cannot use folder ${JSON.stringify(path)}: expected a path inside the repository, like "hosts/edge"`,
    });
  }
});

function optionsOf(repository: TestRepository, options: Partial<GitSourceOptions> = {}): GitSourceOptions {
  return {
    kind: "git",
    repository: repository.path,
    ref: { kind: "branch", name: "main" },
    path: "",
    cache: null,
    timeoutMilliseconds: 30_000,
    ...options,
  };
}

function sourceOf(t: ExecutionContext, repository: TestRepository, options: Partial<GitSourceOptions> = {}): Source {
  const source = openSource(optionsOf(repository, { cache: join(temporaryFolder(t), "cache"), ...options }));
  t.teardown(() => source.close());
  return source;
}

async function messageOfSnapshot(
  t: ExecutionContext,
  repository: TestRepository,
  options: Partial<GitSourceOptions> = {},
): Promise<string> {
  const source = sourceOf(t, repository, options);
  const fetched = await source.fetch(never);
  const error = await t.throwsAsync(source.snapshot(fetched, never), { instanceOf: ReconcilerError });
  t.is(error.code, "source-invalid");
  return error.message;
}
