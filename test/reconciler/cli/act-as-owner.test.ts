// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { commandAs, ownerToActAs } from "../../../reconciler/cli/act-as-owner.ts";
import { temporaryFolder } from "../temporary.ts";

test("ownerToActAs() is nobody for one who is not root, and where there is no directory", (t) => {
  const folder = temporaryFolder(t);

  t.is(ownerToActAs(folder, 1000), null);
  t.is(ownerToActAs(folder, undefined), null);
  t.is(ownerToActAs(join(folder, "none"), 0), null);
});

test("ownerToActAs() is root itself for a directory of root's, else who has it", (t) => {
  const { uid, gid } = statSync(temporaryFolder(t));

  t.deepEqual(ownerToActAs("/", 0), null);
  t.deepEqual(ownerToActAs(temporaryFolder(t), 0), uid === 0 ? null : { uid, gid });
});

test("commandAs() keeps what root could do", (t) => {
  const line = commandAs({ uid: 64, gid: 65 }, ["node", "main.js", "apply"], new Set(["bpf", "net_admin"] as const));

  t.is(
    line.join(" "),
    "setpriv --reuid=64 --regid=65 --clear-groups --inh-caps=+bpf,+net_admin --ambient-caps=+bpf,+net_admin node main.js apply",
  );
});
