// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { openState } from "../../../reconciler/state/state-directory.ts";
import { temporaryFolder } from "../temporary.ts";

test("openState() makes the directory for us alone, and takes it again", async (t) => {
  const directory = join(temporaryFolder(t), "lib/sluice");

  await openState(directory);
  await openState(directory);

  t.is(statSync(directory).mode & 0o777, 0o700);
});

test("openState() takes a directory that the group may look into", async (t) => {
  const directory = temporaryFolder(t);
  chmodSync(directory, 0o750);

  await t.notThrowsAsync(openState(directory));
});

test("openState() refuses a directory that others can reach, and says what to do", async (t) => {
  const directory = temporaryFolder(t);
  chmodSync(directory, 0o755);

  const error = await t.throwsAsync(openState(directory), { instanceOf: ReconcilerError });

  t.is(error.code, "state-unwritable");
  t.is(error.message, `Cannot use state directory "${directory}": its mode is 0755, expected 0700 or 0750`);
  t.is(error.hint, `chmod 0700 ${directory}`);
});

test("openState() refuses a link and a file", async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "real"), { mode: 0o700 });
  symlinkSync("real", join(folder, "link"));
  writeFileSync(join(folder, "file"), "");

  await t.throwsAsync(openState(join(folder, "link")), { message: /: it is not a directory$/ });
  await t.throwsAsync(openState(join(folder, "file")), { message: `Cannot write "${join(folder, "file")}": file already exists` });
});
