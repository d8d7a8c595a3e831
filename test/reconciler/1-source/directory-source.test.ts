// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { readDirectory } from "../../../reconciler/1-source/directory-source.ts";
import { defaultLimits } from "../../../reconciler/1-source/limits.ts";
import { openSource } from "../../../reconciler/1-source/source.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { temporaryFolder } from "../temporary.ts";
import { textOf } from "./repository.ts";

const never = new AbortController().signal;

test("readDirectory() reads all files in order, and leaves .git out", async (t) => {
  const folder = temporaryFolder(t);
  for (const name of ["interfaces", ".git", "lists/deep"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "interfaces/eth0.yaml"), "a");
  writeFileSync(join(folder, ".git/config"), "b");
  writeFileSync(join(folder, "lists/deep/x.txt"), "c");

  const { revision, files } = await readDirectory(folder);

  t.deepEqual(Object.entries(textOf(files)), [
    ["interfaces/eth0.yaml", "a"],
    ["lists/deep/x.txt", "c"],
  ]);
  t.deepEqual(revision, { name: `dir:${folder}`, commit: null, author: null, subject: null, committed: null });
});

test("a folder that is not there is unreachable, not empty", async (t) => {
  const folder = join(temporaryFolder(t), "gone");

  const error = await t.throwsAsync(readDirectory(folder), { instanceOf: ReconcilerError });

  t.is(error.code, "source-unreachable");
  t.is(error.message, `Cannot read "${folder}": ENOENT: no such file or directory, scandir '${folder}'`);
});

test("readDirectory() refuses links, also to folders, and pipes without waiting for them", async (t) => {
  for (const [make, what] of [
    [(path: string) => symlinkSync("/etc/passwd", path), "a symbolic link"],
    [(path: string) => symlinkSync("/etc", path), "a symbolic link"],
    [(path: string) => execFileSync("mkfifo", [path]), "not a regular file"],
  ] as const) {
    const folder = temporaryFolder(t);
    make(join(folder, "odd"));

    const error = await t.throwsAsync(readDirectory(folder), { instanceOf: ReconcilerError });

    t.is(error.code, "source-invalid");
    t.is(error.message, `Cannot read "odd": it is ${what}`);
  }
});

test("readDirectory() refuses what is too much", async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "a/b"), { recursive: true });
  writeFileSync(join(folder, "a/b/c"), "12345");
  writeFileSync(join(folder, "d"), "12345");

  for (const [limit, message] of [
    [{ files: 1 }, "Cannot read the policy: it has 2 files, at most 1 are read"],
    [{ fileBytes: 4 }, /^Cannot read "(?:d|a\/b\/c)": it has 5 bytes, at most 4 are read$/],
    [{ totalBytes: 9 }, "Cannot read the policy: its files have 10 bytes together, at most 9 are read"],
    [{ depth: 2 }, 'Cannot read "a/b/c": it lies 3 folders deep, at most 2 are read'],
  ] as const) {
    await t.throwsAsync(readDirectory(folder, { ...defaultLimits, ...limit }), { instanceOf: ReconcilerError, message });
  }
  await t.notThrowsAsync(readDirectory(folder, { ...defaultLimits, files: 2, fileBytes: 5, totalBytes: 10, depth: 3 }));
});

test("readDirectory() refuses names that no policy needs", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "a\nb"), "");

  const message = 'Cannot read "a\\nb": its path has a control character, a backslash, or is not UTF-8';
  await t.throwsAsync(readDirectory(folder), { instanceOf: ReconcilerError, message });
});

test("a folder as a source: the identity changes with the content only", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "a"), "1");
  const source = openSource({ kind: "directory", directory: folder });
  const first = await source.fetch(never);
  writeFileSync(join(folder, "a"), "1");
  const same = await source.fetch(never);
  writeFileSync(join(folder, "a"), "2");
  const other = await source.fetch(never);

  t.is(first.identity, same.identity);
  t.not(first.identity, other.identity);
  t.deepEqual(textOf((await source.snapshot(other, never)).files), { a: "2" });
  t.deepEqual(source.watch, [folder]);
});
