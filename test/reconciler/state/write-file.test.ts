// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { appendLine, removeLeftovers, replaceFile, unwritable } from "../../../reconciler/state/write-file.ts";
import { temporaryFolder } from "../temporary.ts";

test("replaceFile() replaces the whole text and leaves nothing else behind", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "record");
  writeFileSync(path, "a long old text");

  await replaceFile(path, "new");

  t.is(readFileSync(path, "utf8"), "new");
  t.deepEqual(readdirSync(folder), ["record"]);
});

test("removeLeftovers() removes what killed writers left, and nothing that is being written or is not ours", async (t) => {
  const folder = temporaryFolder(t);
  const [old, fresh] = [`alerts.json.${randomUUID()}.tmp`, `${randomUUID()}.tmp`];
  for (const name of [old, fresh, "own.tmp", "alerts.json"]) writeFileSync(join(folder, name), "");
  for (const name of [old, "own.tmp", "alerts.json"]) utimesSync(join(folder, name), 1, 1);

  await removeLeftovers(folder);
  await removeLeftovers(join(folder, "none"));

  t.deepEqual(readdirSync(folder).sort(), [fresh, "alerts.json", "own.tmp"].sort());
});

test("replaceFile() that cannot rename keeps the old and removes its temporary file", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "taken");
  mkdirSync(path);

  const error = await t.throwsAsync(replaceFile(path, "new"), { instanceOf: ReconcilerError });

  t.is(error.message, `Cannot write "${path}": illegal operation on a directory`);
  t.deepEqual(readdirSync(folder), ["taken"]);
});

test("a full disk is told as such, with what to do, and keeps the old file", async (t) => {
  const folder = temporaryFolder(t);
  const mounted = join(folder, "small");
  mkdirSync(mounted);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", mounted], { stdio: "ignore" });
  } catch {
    // Without the right to mount, the device that is always full stands in.
    const error = await t.throwsAsync(appendLine("/dev/full", "x"), { instanceOf: ReconcilerError });
    t.is(error.message, 'Cannot write "/dev/full": no space left on device');
    return;
  }
  t.teardown(() => execFileSync("umount", [mounted]));
  const path = join(mounted, "journal");
  await replaceFile(path, "old");

  const error = await t.throwsAsync(replaceFile(path, "x".repeat(200_000)), { instanceOf: ReconcilerError });

  t.is(error.code, "state-unwritable");
  t.is(error.message, `Cannot write "${path}": no space left on device`);
  t.is(error.hint, "Free some space on that file system, then type the same again");
  t.is(readFileSync(path, "utf8"), "old");
  t.deepEqual(readdirSync(mounted), ["journal"]);
});

test("unwritable() falls back to the error's own words", (t) => {
  const error = unwritable("/x", new Error("odd"));

  t.deepEqual([error.message, error.hint], ['Cannot write "/x": odd', "Mend that file system, then type the same again"]);
});
