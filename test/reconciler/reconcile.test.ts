// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createFaultyKernel } from "../../bpf/kernel/decorators/faulty-kernel.ts";
import { createMeteredKernel } from "../../bpf/kernel/decorators/metered-kernel.ts";
import { createMemoryKernel, type MemoryKernel } from "../../bpf/kernel/memory/memory-kernel.ts";
import { driftPass, heal } from "../../reconciler/drift.ts";
import { type Host, policyReader } from "../../reconciler/host.ts";
import { fromJson, toJson } from "../../reconciler/model/json.ts";
import { linkPin } from "../../reconciler/model/pins.ts";
import type { Snapshot } from "../../reconciler/model/snapshot.ts";
import { applySaved, planPass, runPass, type SavedPlan } from "../../reconciler/reconcile.ts";
import { rollback } from "../../reconciler/rollback.ts";
import { rollbackTo } from "../../reconciler/rollback-to.ts";
import { readApplied } from "../../reconciler/state/applied.ts";
import { readHistory } from "../../reconciler/state/history.ts";
import { readHold } from "../../reconciler/state/hold.ts";
import { readSeen, writeSeen } from "../../reconciler/state/seen.ts";
import { temporaryFolder } from "./temporary.ts";

const options = { prune: false, trigger: "test" } as const;

function hostOf(t: ExecutionContext): { readonly host: Host; readonly memory: MemoryKernel } {
  const memory = createMemoryKernel({ devices: ["eth0", "eth1"] });
  const host: Host = {
    name: "edge-1",
    kernel: memory,
    layout: { root: "/sys/fs/bpf/sluice" },
    state: join(temporaryFolder(t), "state"),
    policy: policyReader,
    now: () => 1_790_000_000_000,
  };
  return { host, memory };
}

/** Chains with one limiter, by device: its limit and what it says about drift. */
function policy(name: string, chains: Readonly<Record<string, { limit: number; drift?: string; end?: string }>>): Snapshot {
  const files = Object.entries(chains).map(([device, { limit, drift = "alert", end = "pass" }]) => {
    const lines = [
      "apiVersion: sluice/v1",
      `interface: ${device}`,
      "xdp:",
      `  drift: ${drift}`,
      `  end: ${end}`,
      "  chain:",
      "    - name: flood",
      "      uses: rate-limit",
      `      with: { limit: ${limit} }`,
    ];
    return [`interfaces/${device}.yaml`, Buffer.from(`${lines.join("\n")}\n`)] as const;
  });
  return { revision: { name, commit: null, author: null, subject: null, committed: null }, files: new Map(files) };
}

async function runningAt(host: Host, device: string): Promise<string | null> {
  const pins = await host.kernel.pins(host.layout.root);
  const link = pins.find((pin) => pin.path === linkPin(host.layout, { interface: device, kind: "xdp" }));
  const program = pins.find((pin) => pin.kind === "program" && link?.kind === "link" && pin.id === link.programId);
  return program?.path ?? null;
}

test("heal() brings back the chains with the given drift modes and no others", async (t) => {
  const { host, memory } = hostOf(t);
  await runPass(host, policy("one", { eth0: { limit: 100, drift: "heal" }, eth1: { limit: 100 } }), options);
  for (const device of ["eth0", "eth1"]) memory.tamperUnpin(linkPin(host.layout, { interface: device, kind: "xdp" }));

  const outcome = await heal(host, { modes: ["heal"] });
  const drift = await driftPass(host);

  t.is(outcome?.kind, "applied");
  t.not(await runningAt(host, "eth0"), null);
  t.is(await runningAt(host, "eth1"), null);
  t.is(drift.kind, "checked");
  if (drift.kind !== "checked") return;
  t.deepEqual(
    drift.report.findings.map(({ class: kind, hook, mode }) => [kind, hook.interface, mode]),
    [["missing", "eth1", "alert"]],
  );
});

test("rollback() switches links only, holds the host there, and healing keeps the hold", async (t) => {
  const { host, memory } = hostOf(t);
  const [first, second] = [policy("one", { eth0: { limit: 100 } }), policy("two", { eth0: { limit: 100, end: "drop" } })];
  await runPass(host, first, options);
  const before = await runningAt(host, "eth0");
  await runPass(host, second, options);
  const metered = createMeteredKernel(memory, () => 0n);

  const result = await rollback({ ...host, kernel: metered }, { reason: "INC-7" });
  memory.tamperUnpin(linkPin(host.layout, { interface: "eth0", kind: "xdp" }));
  await heal(host, { modes: ["alert", "heal"] });
  const again = await runPass(host, second, { ...options, respectHold: true });

  t.like(result, { undone: "two", revision: "one" });
  t.deepEqual([...metered.meters().keys()].sort(), ["pins", "readMap", "switchLink"]);
  t.is(await runningAt(host, "eth0"), before);
  t.like(await readHold(host.state), { revision: "two", reason: "INC-7" });
  t.is(again.kind, "held");
});

test("a second rollback() undoes the first, and another policy ends the hold", async (t) => {
  const { host } = hostOf(t);
  await runPass(host, policy("one", { eth0: { limit: 100 } }), options);
  await runPass(host, policy("two", { eth0: { limit: 100, end: "drop" } }), options);
  const newest = await runningAt(host, "eth0");

  await rollback(host, { reason: null });
  await rollback(host, { reason: null });
  const third = await runPass(host, policy("three", { eth0: { limit: 300 } }), { ...options, respectHold: true });

  t.is(await runningAt(host, "eth0"), newest?.replace(/gen\/.*/, (await runningAt(host, "eth0"))?.match(/gen\/.*/)?.[0] ?? "") ?? null);
  t.is(third.kind, "applied");
  t.is(await readHold(host.state), null);
});

test("a revert of what was rolled back ends the hold, though there is nothing to do", async (t) => {
  const { host } = hostOf(t);
  await runPass(host, policy("one", { eth0: { limit: 100 } }), options);
  await runPass(host, policy("two", { eth0: { limit: 100, end: "drop" } }), options);
  await rollback(host, { reason: null });

  const reverted = await runPass(host, policy("three", { eth0: { limit: 100 } }), { ...options, respectHold: true });

  t.is(reverted.kind, "unchanged");
  t.is(await readHold(host.state), null);
});

test("rollback() refuses when nothing was applied, and changes nothing", async (t) => {
  const { host } = hostOf(t);

  await t.throwsAsync(rollback(host, { reason: null }), { message: "Cannot roll back: nothing has been applied yet" });
});

test("rollback() that fails leaves the host as it was and says so", async (t) => {
  const { host, memory } = hostOf(t);
  await runPass(host, policy("one", { eth0: { limit: 100 } }), options);
  await runPass(host, policy("two", { eth0: { limit: 100, end: "drop" } }), options);
  const before = await runningAt(host, "eth0");
  const faulty = createFaultyKernel(memory, [{ of: "switchLink", nth: 1, when: "before", effect: { kind: "fail", errno: "EBUSY" } }]);

  await t.throwsAsync(rollback({ ...host, kernel: faulty }, { reason: null }), { message: "Cannot roll back: the host is as before" });

  t.is(await runningAt(host, "eth0"), before);
  t.is(await readHold(host.state), null);
});

test("a pass that finds nothing to do writes nothing to the state directory", async (t) => {
  const { host } = hostOf(t);
  const snapshot = policy("one", { eth0: { limit: 100 } });
  await runPass(host, snapshot, options);
  const files = () => readdirSync(host.state).map((name) => [name, statSync(join(host.state, name)).mtimeMs]);
  const before = files();

  const commented = new Map([...snapshot.files].map(([path, bytes]) => [path, Buffer.concat([Buffer.from("# note\n"), bytes])]));
  const outcome = await runPass(host, { ...snapshot, files: commented }, options);

  t.is(outcome.kind, "unchanged");
  t.deepEqual(files(), before);
});

test("a commit that changes nothing here is written down as what was reached last", async (t) => {
  const { host } = hostOf(t);
  await runPass(host, policy("one", { eth0: { limit: 100 } }), options);

  const outcome = await runPass(host, policy("two", { eth0: { limit: 100 } }), options);

  t.is(outcome.kind, "unchanged");
  t.is((await readApplied(host.state))?.revision.name, "two");
});

test("a commit that goes back, and is applied by hand, no longer counts as such", async (t) => {
  const { host } = hostOf(t);
  const snapshot = policy("one", { eth0: { limit: 100 } });
  await runPass(host, { ...snapshot, revision: { ...snapshot.revision, rewound: "two" } }, options);
  const rewound = async () => (await readApplied(host.state))?.revision.rewound;
  t.is(await rewound(), "two");

  const outcome = await runPass(host, snapshot, { prune: false, trigger: "command" });

  t.is(outcome.kind, "unchanged");
  t.is(await rewound(), undefined);
});

test("only a commit that somebody applies by hand, whether it changes anything or not, ends what was seen before", async (t) => {
  const { host } = hostOf(t);
  const commit = (limit: number): Snapshot => {
    const snapshot = policy(`main@sha1:${limit}`, { eth0: { limit } });
    return { ...snapshot, revision: { ...snapshot.revision, commit: String(limit) } };
  };
  const seen = { repository: "/srv/git/a.git", ref: "branch main", name: "main@sha1:9", commit: "9" };
  const isKept = async (act: () => Promise<unknown>) => {
    await act();
    const kept = (await readSeen(host.state, seen)) !== null;
    await writeSeen(host.state, seen);
    return kept;
  };
  const byHand = { prune: false, trigger: "command" };
  await runPass(host, commit(1), options);
  await writeSeen(host.state, seen);

  t.true(await isKept(() => runPass(host, commit(2), { ...byHand, trigger: "commit" })));
  t.true(await isKept(() => runPass(host, commit(2), { ...byHand, trigger: "drift" })));
  t.true(await isKept(() => runPass(host, policy("dir:/x", { eth0: { limit: 3 } }), byHand)));
  t.true(await isKept(() => runPass(host, commit(4), { ...byHand, approve: async () => false })));
  t.true(await isKept(() => rollbackTo(host, "main@sha1:2", { reason: null })));
  t.false(await isKept(() => runPass(host, commit(4), byHand)));
  t.false(await isKept(() => runPass(host, commit(4), byHand)));
  const planned = await planPass(host, commit(5), byHand);
  if (planned.kind === "invalid") return t.fail("It is valid");
  t.false(await isKept(() => applySaved(host, { ...planned, snapshot: commit(5) }, byHand)));
});

test("a crash in the middle is undone from the journal by the next pass, which then applies", async (t) => {
  const { host, memory } = hostOf(t);
  const warnings: string[] = [];
  await runPass(host, policy("one", { eth0: { limit: 100 }, eth1: { limit: 100 } }), options);
  const two = policy("two", { eth0: { limit: 100, end: "drop" }, eth1: { limit: 100, end: "drop" } });
  const dying = createFaultyKernel(memory, [{ of: "switchLink", nth: 1, when: "after", effect: { kind: "die" } }]);
  await runPass({ ...host, kernel: dying }, two, options).catch(() => undefined);

  const outcome = await runPass({ ...host, warn: (message) => warnings.push(message) }, two, options);

  t.is(outcome.kind, "applied");
  t.deepEqual(warnings, ["An unfinished apply of two was undone from its journal"]);
  t.deepEqual((await readHistory(host.state, 3)).map(({ result, trigger }) => [result, trigger]).slice(0, 2), [
    ["applied", "test"],
    ["rolled-back", "recovery"],
  ]);
});

test("a machine that is restarted in the middle of an apply comes back with what was applied before", async (t) => {
  const { host, memory } = hostOf(t);
  const one = policy("one", { eth0: { limit: 100 }, eth1: { limit: 100 } });
  await runPass(host, one, options);
  const two = policy("two", { eth0: { limit: 100, end: "drop" }, eth1: { limit: 100, end: "drop" } });
  const dying = createFaultyKernel(memory, [{ of: "switchLink", nth: 1, when: "after", effect: { kind: "die" } }]);
  await runPass({ ...host, kernel: dying }, two, options).catch(() => undefined);
  const restarted = { ...host, kernel: createMemoryKernel({ devices: ["eth0", "eth1"] }) };

  const outcome = await heal(restarted, { modes: ["alert", "heal", "ignore"] });

  t.is(outcome?.kind, "applied");
  t.is((await runPass(restarted, one, options)).kind, "unchanged");
});

test("a torn journal is kept aside, told, and the pass goes by what the kernel says", async (t) => {
  const { host } = hostOf(t);
  const warnings: string[] = [];
  await runPass(host, policy("one", { eth0: { limit: 100 } }), options);
  writeFileSync(join(host.state, "journal"), "sluice-journal 1 sha256:00\n{");

  const outcome = await runPass({ ...host, warn: (message) => warnings.push(message) }, policy("two", { eth0: { limit: 200 } }), options);

  t.is(outcome.kind, "applied");
  t.is(readFileSync(join(host.state, "journal.broken-1"), "utf8"), "sluice-journal 1 sha256:00\n{");
  t.regex(
    warnings[0] ?? "",
    /^The journal of an unfinished apply is unreadable and was kept as ".*journal\.broken-1": .*; planning goes by what the kernel says$/,
  );
});

test("applySaved() applies a plan that went through JSON, and refuses it when the host has changed", async (t) => {
  const { host, memory } = hostOf(t);
  const snapshot = policy("one", { eth0: { limit: 100 } });
  const planned = await planPass(host, snapshot, options);
  if (planned.kind !== "planned") return t.fail();
  const saved = fromJson(
    toJson({ plan: planned.plan, desired: planned.desired, snapshot: { ...snapshot, files: [...snapshot.files] } }),
  ) as {
    plan: SavedPlan["plan"];
    desired: SavedPlan["desired"];
  };

  memory.addDevice("eth1");
  await t.throwsAsync(applySaved(host, { ...saved, snapshot }, options), {
    message: "Cannot apply the saved plan: edge-1 has changed since it was made",
  });

  const again = await planPass(host, snapshot, options);
  if (again.kind !== "planned") return t.fail();
  const outcome = await applySaved(host, { plan: again.plan, desired: again.desired, snapshot }, options);
  t.is(outcome.kind, "applied");
});

test("a pass on a kernel without the tracepoint of a step names step and tracepoint, and leaves nothing", async (t) => {
  const { host, memory } = hostOf(t);
  const text = [
    "apiVersion: sluice/v1",
    "interface: eth0",
    "xdp:",
    "  chain:",
    "    - name: flood",
    "      uses: rate-limit",
    "      with: { limit: 1 }",
    "    - name: connections",
    "      uses: conn-limit",
    "      with: { ports: 443, max: 1 }",
  ].join("\n");
  const revision = { name: "one", commit: null, author: null, subject: null, committed: null };

  const outcome = await runPass(host, { revision, files: new Map([["interfaces/eth0.yaml", Buffer.from(text)]]) }, options);

  t.is(outcome.kind, "rolled-back");
  const told = outcome.kind === "rolled-back" ? String(outcome.error) : "";
  t.regex(told, /"connections"/);
  t.regex(told, /Cannot watch the tracepoint "inet_sock_set_state": this kernel has no such tracepoint/);
  t.deepEqual(await memory.pins(host.layout.root), []);
  t.deepEqual(await memory.attached("eth0", "xdp"), []);
});

test("steps that share a budget have one map at both hooks, and no other", async (t) => {
  const { host, memory } = hostOf(t);
  const step = (name: string, parameters: string) => `{ name: ${name}, uses: port-quota, with: { bytes: 1000, ${parameters} } }`;
  const text = [
    "apiVersion: sluice/v1",
    "interface: eth0",
    `xdp: { chain: [${step("in", "ports: 80, budget: web")}, ${step("other", "ports: 80")}] }`,
    `tc: { egress: { chain: [${step("out", "ports: 80, budget: web")}] } }`,
  ].join("\n");
  const revision = { name: "one", commit: null, author: null, subject: null, committed: null };

  const outcome = await runPass(host, { revision, files: new Map([["interfaces/eth0.yaml", Buffer.from(text)]]) }, options);

  t.is(outcome.kind, "applied", JSON.stringify(outcome));
  const used = (await memory.pins(host.layout.root)).filter(({ path }) => path.includes("/used__"));
  t.is(used.length, 3);
  t.is(new Set(used.map(({ id }) => id)).size, 2);
  const [one, two] = ["/in/", "/out/"].map((name) => used.find(({ path }) => path.includes(name))?.id);
  t.true(one !== undefined && one === two, used.map(({ path, id }) => `${path} ${id}`).join("\n"));
});
