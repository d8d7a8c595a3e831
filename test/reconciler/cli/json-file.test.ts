// SPDX-License-Identifier: Apache-2.0
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { readPlan, readSnapshot, writePlan, writeSnapshot } from "../../../reconciler/cli/json-file.ts";
import type { SavedPlan } from "../../../reconciler/reconcile.ts";
import { temporaryFolder } from "../temporary.ts";

const revision = { name: "dir:/p", commit: null, author: null, subject: null, committed: null };
const saved: SavedPlan = {
  plan: {
    format: "1.0",
    host: "edge-03",
    revision,
    desired: "dd",
    base: "bb",
    hooks: [],
    refusals: [],
    warnings: [],
    prepare: [],
    commit: [],
    cleanup: [],
    applied: { revision, desired: "dd", owned: {}, previous: {} },
    objects: { aa: Uint8Array.of(1, 2, 255) },
  },
  desired: { revision, digest: "dd", hooks: [], objects: { aa: Uint8Array.of(1, 2, 255) } },
  snapshot: { revision, files: new Map([["interfaces/eth0.yaml", Uint8Array.of(35, 10)]]) },
};

test("readPlan() gives back what writePlan() wrote, bytes and files too, for the owner only", async (t) => {
  const file = join(temporaryFolder(t), "change.plan");

  await writePlan(file, saved);

  t.deepEqual(await readPlan(file), saved);
  t.is(statSync(file).mode & 0o777, 0o600);
});

test("readSnapshot() gives back what writeSnapshot() wrote", async (t) => {
  const file = join(temporaryFolder(t), "edge.json");
  const snapshot = {
    host: "edge-03",
    taken: "2026-11-20T10:00:00.000Z",
    bpffs: "/sys/fs/bpf/sluice",
    observed: { devices: [{ name: "eth0", ifindex: 2 }], hooks: [], unknown: [], applied: null },
  };

  await writeSnapshot(file, snapshot);

  t.like(await readSnapshot(file), snapshot);
});

const refused = test.macro<[string, string, RegExp]>({
  title: (_, what) => `readSnapshot() refuses ${what}`,
  async exec(t, _, text, message) {
    const file = join(temporaryFolder(t), "file.json");
    writeFileSync(file, text);

    const error = await t.throwsAsync(readSnapshot(file), { name: "ReconcilerError", message });

    t.like(error, { code: "snapshot-invalid" });
  },
});
test(refused, "what is not JSON", "{", /^Cannot use ".*file\.json": it is not a snapshot of Sluice$/);
test(refused, "other JSON", "[1]", /it is not a snapshot of Sluice$/);
test(refused, "a plan", '{"format":"1.0","kind":"plan"}', /it is not a snapshot of Sluice$/);
test(refused, "another format", '{"format":"2.0","kind":"snapshot"}', /its format is "2\.0", expected "1\.0"$/);
test(refused, "half a snapshot", '{"format":"1.0","kind":"snapshot","host":"x"}', /it is not a snapshot of Sluice$/);
test(
  refused,
  "one without hooks",
  '{"format":"1.0","kind":"snapshot","host":"x","taken":"","bpffs":"","observed":{}}',
  /it is not a snapshot/,
);

test("readPlan() says why a file cannot be read, and which part of a plan is missing", async (t) => {
  const folder = temporaryFolder(t);
  const torn = join(folder, "torn.plan");
  writeFileSync(torn, '{"format":"1.0","kind":"plan","plan":{},"desired":{"revision":1,"digest":1,"hooks":1,"objects":1}}');

  await t.throwsAsync(readPlan(join(folder, "none.plan")), { message: /^Cannot read ".*none\.plan": ENOENT/ });
  await t.throwsAsync(readPlan(torn), { message: /it is not a plan of Sluice$/ });
});

test("writePlan() leaves nothing behind when it cannot write", async (t) => {
  const error = await t.throwsAsync(writePlan(join(temporaryFolder(t), "missing", "change.plan"), saved));

  t.regex(error.message, /^Cannot write ".*change\.plan": ENOENT/);
});
