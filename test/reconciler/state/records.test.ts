// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import test from "ava";
import type { Applied } from "../../../reconciler/model/applied.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { readApplied, writeApplied } from "../../../reconciler/state/applied.ts";
import { clearHold, type Hold, readHold, writeHold } from "../../../reconciler/state/hold.ts";
import { setTornAside } from "../../../reconciler/state/torn-records.ts";
import { temporaryFolder } from "../temporary.ts";

const applied: Applied = {
  revision: { name: "main@sha1:7c1e", commit: "7c1e", author: null, subject: null, committed: null },
  desired: "9be07d",
  owned: { "/sys/fs/bpf/sluice/eth0/xdp/steps/lb/ctl_5farray__1": new Uint8Array([0, 0, 0, 7]) },
  previous: { "eth0/xdp": "4f1a2c" },
};
const hold: Hold = { since: "2026-11-20T10:25:58.000Z", revision: "main@sha1:7c1e", desired: "9be07d", reason: "INC-1432" };

test("readApplied() gives back what writeApplied() wrote; null before that", async (t) => {
  const directory = temporaryFolder(t);
  const before = await readApplied(directory);

  await writeApplied(directory, applied);

  t.is(before, null);
  t.deepEqual(await readApplied(directory), applied);
});

test("writeApplied() leaves the file alone when it already says so", async (t) => {
  const directory = temporaryFolder(t);
  await writeApplied(directory, applied);
  const { ino, mtimeNs } = statSync(join(directory, "applied.json"), { bigint: true });

  await writeApplied(directory, applied);

  const after = statSync(join(directory, "applied.json"), { bigint: true });
  t.deepEqual([after.ino, after.mtimeNs], [ino, mtimeNs]);
});

test("a hold lasts until it is cleared, which may be asked twice", async (t) => {
  const directory = temporaryFolder(t);
  await writeHold(directory, hold);
  const found = await readHold(directory);

  await clearHold(directory);
  await clearHold(directory);

  t.deepEqual(found, hold);
  t.is(await readHold(directory), null);
  t.deepEqual(readdirSync(directory), []);
});

for (const [what, text] of [
  ["torn", '{"format": 1, "revis'],
  ["of another format", '{"format": 2}'],
] as const) {
  test(`a record that is ${what} is refused and stays as it is`, async (t) => {
    const directory = temporaryFolder(t);
    const path = join(directory, "hold.json");
    writeFileSync(path, text);

    const error = await t.throwsAsync(readHold(directory), { instanceOf: ReconcilerError });

    t.is(error.code, "state-unwritable");
    t.is(error.message, `Cannot read "${path}": it is not a record of Sluice; every hook runs what it ran`);
    t.is(readFileSync(path, "utf8"), text);
  });
}

test("a record that is written over what is no record keeps that under another name", async (t) => {
  const directory = temporaryFolder(t);
  const path = join(directory, "hold.json");
  writeFileSync(path, "{");

  await writeHold(directory, hold);
  writeFileSync(path, "[");
  await clearHold(directory);

  t.deepEqual(readdirSync(directory), ["hold.json.broken-1", "hold.json.broken-2"]);
  t.is(readFileSync(`${path}.broken-1`, "utf8"), "{");
});

test("setTornAside() sets aside what a host goes on without, and guards only where somebody asked", async (t) => {
  const directory = temporaryFolder(t);
  await writeApplied(directory, applied);
  const whole = readFileSync(join(directory, "applied.json"));
  for (const name of ["policy.json", "confirmation.json", "hold.json"]) writeFileSync(join(directory, name), whole.subarray(0, -2));

  const [first, second] = [await setTornAside(directory, false), await setTornAside(directory, true)];

  t.deepEqual(
    [...first, ...second].map(({ movedTo }) => basename(movedTo)),
    ["confirmation.json.broken-1", "policy.json.broken-1", "hold.json.broken-1"],
  );
  t.deepEqual(await readApplied(directory), applied);
});
