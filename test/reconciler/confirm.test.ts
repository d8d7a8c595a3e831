// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createFaultyKernel } from "../../bpf/kernel/decorators/faulty-kernel.ts";
import { lockFile } from "../../bpf/kernel/file-lock.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { createMemoryKernel } from "../../bpf/kernel/memory/memory-kernel.ts";
import { abortChange, confirmChange } from "../../reconciler/confirm.ts";
import { driftPass, heal } from "../../reconciler/drift.ts";
import { type Host, policyReader } from "../../reconciler/host.ts";
import type { ConfirmRequest } from "../../reconciler/keep-for-confirmation.ts";
import type { Snapshot } from "../../reconciler/model/snapshot.ts";
import { locked, runPass } from "../../reconciler/reconcile.ts";
import { ReconcilerError } from "../../reconciler/reconciler-error.ts";
import { rollback } from "../../reconciler/rollback.ts";
import { rollbackTo } from "../../reconciler/rollback-to.ts";
import { readHistory } from "../../reconciler/state/history.ts";
import { readHold } from "../../reconciler/state/hold.ts";
import { readQuarantine } from "../../reconciler/state/quarantine.ts";
import { readSeen, writeSeen } from "../../reconciler/state/seen.ts";
import { readConfirmationEnd } from "../../reconciler/state/unconfirmed.ts";
import { replaceFiles } from "../lab/faulty-files.ts";
import { temporaryFolder } from "./temporary.ts";

const options = { prune: false, trigger: "commit", respectQuarantine: true } as const;

interface World {
  host: Host;
  time: number;
  boot: string;
}

function worldOf(t: ExecutionContext, kernel: Kernel = createMemoryKernel({ devices: ["eth0"] })): World {
  const world = { time: 0, boot: "first" } as World;
  world.host = {
    name: "edge-1",
    kernel,
    layout: { root: "/sys/fs/bpf/sluice" },
    state: join(temporaryFolder(t), "state"),
    policy: policyReader,
    now: () => 1_790_000_000_000,
    boot: { now: () => world.time, boot: () => world.boot },
  };
  return world;
}

test("on a host where nothing was ever applied there is nothing to confirm or to take back", async (t) => {
  const { host } = worldOf(t);
  const reason = { message: "No", quarantine: false };

  await t.throwsAsync(confirmChange(host, "c-1", "by hand"), { code: "nothing-to-confirm" });
  await t.throwsAsync(abortChange(host, "c-1", reason), { code: "nothing-to-confirm" });

  t.false(existsSync(host.state));
});

/** A watchdog that does nothing but hold its lock; its steps are written down. */
function fakeWatchdog(t: ExecutionContext): { readonly request: ConfirmRequest; readonly steps: string[]; die(): void } {
  const steps: string[] = [];
  let lock: ReturnType<typeof lockFile> = null;
  const die = () => lock?.release();
  t.teardown(die);
  const arm: ConfirmRequest["arm"] = async (state, _, { id }) => {
    lock = lockFile(join(state, "watchdog.lock"));
    steps.push(`armed with${existsSync(join(state, "journal")) ? "" : "out"} a journal`);
    return {
      committed: async () => void steps.push("committed"),
      abort: async () => false,
      disarm: async (asked) => {
        steps.push(
          `disarmed${asked === id ? "" : " for another"}, ${existsSync(join(state, "journal")) ? "the journal is there" : "too late"}`,
        );
        die();
        return true;
      },
      ended: new Promise(() => undefined),
      leave: () => void steps.push("left"),
    };
  };
  return { request: { timeout: 60_000, owner: "agent", heartbeat: 5_000, arm }, steps, die };
}

function policy(limit: number): Snapshot {
  const text = `apiVersion: sluice/v1\ninterface: eth0\nxdp: { chain: [{ name: flood, uses: rate-limit, with: { limit: ${limit} } }] }\n`;
  const revision = { name: `limit ${limit}`, commit: null, author: null, subject: null, committed: null };
  return { revision, files: new Map([["interfaces/eth0.yaml", Buffer.from(text)]]) };
}

async function unconfirmed(
  t: ExecutionContext,
  world: World,
  limit: number,
): Promise<{ readonly id: string; die(): void; readonly steps: string[] }> {
  const watchdog = fakeWatchdog(t);
  const outcome = await runPass(world.host, policy(limit), { ...options, confirm: watchdog.request });
  if (outcome.kind !== "unconfirmed") throw new Error(`It ended ${outcome.kind}`);
  return { ...watchdog, id: outcome.id };
}

async function runs(host: Host, limit: number): Promise<boolean> {
  const outcome = await runPass(host, policy(limit), { ...options, trigger: "drift" });
  return outcome.kind === "unchanged";
}

test("the watchdog is armed with the journal written and before the switch; drift is measured against the change", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);

  const { steps, die } = await unconfirmed(t, world, 2);
  const drift = await driftPass(world.host);

  t.deepEqual(steps, ["armed with a journal", "committed", "left"]);
  t.deepEqual(drift.kind === "checked" ? drift.report.findings : null, []);
  t.is((await readHistory(world.host.state, 9)).length, 1);
  die();
});

test.serial("a state directory that takes nothing keeps a change from being confirmed while its watchdog still watches", async (t) => {
  const world = worldOf(t);
  const { id, steps, die } = await unconfirmed(t, world, 2);

  const files = replaceFiles(world.host.state, () => "ENOSPC");
  const error = await t.throwsAsync(confirmChange(world.host, id, "by hand"), { instanceOf: ReconcilerError });
  files.restore();
  const journal = existsSync(join(world.host.state, "journal"));
  die();
  const end = await confirmChange(world.host, id, "by hand");

  t.is(error.code, "state-unwritable");
  t.regex(
    error.message,
    /^Cannot confirm c-[0-9a-f]{6}: Cannot write ".*": no space left on device; it runs on until .* and is then taken back$/,
  );
  t.is(error.hint, `Make room or mend that file system, then sluice confirm ${id} again; sluice abort ${id} takes it back at once`);
  t.deepEqual(steps, ["armed with a journal", "committed", "left"]);
  t.true(journal);
  t.is(end.result, "confirmed");
});

test.serial(
  "a confirmation that cannot be written once the watchdog is disarmed says that nobody watches, and can be said again",
  async (t) => {
    const world = worldOf(t);
    const { id, die } = await unconfirmed(t, world, 2);
    die();

    const files = replaceFiles(world.host.state, (_, call) => (/^rename .*confirmation\.json$/.test(call) ? "ENOSPC" : null));
    const error = await t.throwsAsync(confirmChange(world.host, id, "by hand"), { instanceOf: ReconcilerError });
    files.restore();
    const end = await confirmChange(world.host, id, "by hand");

    t.is(error.code, "state-unwritable");
    t.regex(error.message, /; it runs, and nobody watches over it any more$/);
    t.regex(error.hint ?? "", new RegExp(`, then sluice confirm ${id} again: `));
    t.is(end.result, "confirmed");
  },
);

test("a confirmation that is not all written down stays one; whoever comes next writes the rest", async (t) => {
  for (const next of ["confirm", "abort", "pass"] as const) {
    const world = worldOf(t);
    const { id, die } = await unconfirmed(t, world, 2);
    die();
    mkdirSync(join(world.host.state, "undo"));

    const error = await t.throwsAsync(confirmChange(world.host, id, "by hand"), { instanceOf: ReconcilerError });
    rmdirSync(join(world.host.state, "undo"));
    const ends = {
      confirm: () => confirmChange(world.host, id, "by hand"),
      abort: () => t.throwsAsync(abortChange(world.host, id, { message: "no", quarantine: true }), { message: /it is confirmed$/ }),
      pass: () => Promise.resolve(),
    };
    await ends[next]();

    t.true(await runs(world.host, 2), next);
    t.is(error.code, "state-unwritable", next);
    t.regex(error.message, /^c-[0-9a-f]{6} is confirmed and stays, but not all of it could be written down: /, next);
    t.false(existsSync(join(world.host.state, "journal")), next);
    t.is((await readConfirmationEnd(world.host.state))?.result, "confirmed", next);
  }
});

test("a torn record of how the last trial ended confirms nothing, and keeps nobody from taking a change back", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const { die } = await unconfirmed(t, world, 2);
  die();
  writeFileSync(join(world.host.state, "confirmation.json"), '{ "id": "c-');

  t.true(await runs(world.host, 1));
});

test("rule 9: an apply that fails disarms the watchdog while the journal is there, and leaves neither", async (t) => {
  const memory = createMemoryKernel({ devices: ["eth0"] });
  const world = worldOf(t, memory);
  await runPass(world.host, policy(1), options);
  const faults = [{ of: "writeMap", nth: 1, times: 1, when: "before", effect: { kind: "fail", errno: "ENOMEM" } }] as const;
  const switchFails = [{ of: "switchLink", nth: 1, times: 1, when: "before", effect: { kind: "fail", errno: "EBUSY" } }] as const;
  const { request, steps } = fakeWatchdog(t);
  const host = { ...world.host, kernel: createFaultyKernel(memory, [...faults, ...switchFails]) };

  const outcome = await runPass(host, policy(2), { ...options, confirm: request });

  t.is(outcome.kind, "rolled-back");
  t.deepEqual(steps.slice(0, 2), ["armed with a journal", "disarmed, the journal is there"]);
  t.false(existsSync(join(host.state, "journal")));
  t.false(existsSync(join(host.state, "unconfirmed.json")));
  t.true(await runs(world.host, 1));
});

test("rule 10: after a reboot the kernel is empty; what was confirmed comes back, the candidate is quarantined, whatever time was left", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const { die } = await unconfirmed(t, world, 2);
  die();
  world.boot = "second";
  world.host = { ...world.host, kernel: createMemoryKernel({ devices: ["eth0"] }) };

  await locked(world.host, async () => undefined);
  const restored = await heal(world.host, { modes: ["alert", "heal", "ignore"] });
  const again = await runPass(world.host, policy(2), options);

  t.is(restored?.kind, "applied");
  t.is(restored?.kind === "applied" ? restored.plan.revision.name : "", "limit 1");
  t.is(again.kind, "quarantined");
  t.true(await runs(world.host, 1));
  t.deepEqual((await readHistory(world.host.state, 2)).map(({ result, message }) => [result, message]).at(-1), [
    "rolled-back",
    "The machine was restarted before the change was confirmed",
  ]);
});

test("what was confirmed comes back, too, when somebody removes every pin in the window and then nobody watches", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const { die } = await unconfirmed(t, world, 2);
  die();
  world.host = { ...world.host, kernel: createMemoryKernel({ devices: ["eth0"] }) };

  const restored = await heal(world.host, { modes: ["alert", "heal", "ignore"] });

  t.is(restored?.kind, "applied");
  t.true(await runs(world.host, 1));
});

test("rule 11: while a change waits, everything that would change the host is refused, and says how to go on", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const { id, die } = await unconfirmed(t, world, 2);

  for (const change of [
    () => runPass(world.host, policy(3), options),
    () => heal(world.host, { modes: ["alert"] }),
    () => rollback(world.host, { reason: null }),
  ]) {
    await t.throwsAsync(change, {
      code: "confirmation-pending",
      message: /^Cannot change edge-1: limit 2 waits to be confirmed until /,
    });
  }
  t.regex(id, /^c-[0-9a-f]{6}$/);
  die();
});

test("without its watchdog, whoever comes next takes the change back; nobody is to blame, so it may be tried again", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const { id, die } = await unconfirmed(t, world, 2);
  die();

  t.true(await runs(world.host, 1));
  t.like(await readConfirmationEnd(world.host.state), {
    id,
    result: "rolled-back",
    message: "The watchdog ended before the change was confirmed",
  });
  t.is((await runPass(world.host, policy(2), options)).kind, "applied");
});

test("rule 7: confirming needs the id of the change that waits; once confirmed it is on record, and can be rolled back by hand", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const old = await unconfirmed(t, world, 2);
  old.die();
  await abortChange(world.host, old.id, { message: "No", quarantine: false });
  const { id, die } = await unconfirmed(t, world, 3);
  die();

  await t.throwsAsync(confirmChange(world.host, old.id, "by hand"), { code: "not-confirmed", message: /was rolled back \(No\)/ });
  await t.throwsAsync(confirmChange(world.host, "c-nobody", "by hand"), { code: "nothing-to-confirm" });
  t.like(await confirmChange(world.host, id, "by hand"), { id, result: "confirmed", revision: "limit 3", message: "by hand" });
  t.like(await confirmChange(world.host, id, "by hand"), { id, result: "confirmed" });
  await t.throwsAsync(abortChange(world.host, id, { message: "Late", quarantine: true }), { code: "nothing-to-confirm" });
  t.true(await runs(world.host, 3));
  await rollback(world.host, { reason: null });
  t.true(await runs(world.host, 1));
});

test("a commit that somebody applies by hand is gone on from once it is confirmed, and not before", async (t) => {
  const world = worldOf(t);
  const { host } = world;
  const seen = { repository: "/srv/git/a.git", ref: "branch main", name: "main@sha1:9", commit: "9" };
  const snapshot = policy(2);
  const commit = { ...snapshot, revision: { ...snapshot.revision, commit: "2" } };
  await runPass(host, policy(1), options);
  await writeSeen(host.state, seen);
  const { request, die } = fakeWatchdog(t);

  const outcome = await runPass(host, commit, { ...options, trigger: "command", confirm: request });
  t.deepEqual(await readSeen(host.state, seen), seen);
  if (outcome.kind !== "unconfirmed") return t.fail(outcome.kind);
  die();
  await confirmChange(host, outcome.id, "by hand");

  t.is(await readSeen(host.state, seen), null);
});

test("rule 8: past the deadline it is taken back, not confirmed, even when no watchdog has done it", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const { id, die } = await unconfirmed(t, world, 2);
  die();
  world.time = 60_000;

  await t.throwsAsync(confirmChange(world.host, id, "by hand"), { code: "not-confirmed", message: /it had to be confirmed by / });

  t.true(await runs(world.host, 1));
});

test("rule 12: quarantine is by what a commit renders to; git moving on ends it, healing and other commits that render alike do not", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const { id, die } = await unconfirmed(t, world, 2);
  die();
  await abortChange(world.host, id, { message: "Bad", quarantine: true });
  const alike = { ...policy(2), revision: { ...policy(2).revision, name: "another commit" } };

  t.like(await runPass(world.host, alike, options), { kind: "quarantined", revision: "limit 2", reason: "Bad" });
  await heal(world.host, { modes: ["alert"] });
  t.is((await readQuarantine(world.host.state)).length, 1);
  t.is((await runPass(world.host, policy(1), options)).kind, "unchanged");
  t.is((await readQuarantine(world.host.state)).length, 0);
  t.is((await runPass(world.host, policy(2), options)).kind, "applied");
});

test("a person may try a quarantined policy again", async (t) => {
  const world = worldOf(t);
  await runPass(world.host, policy(1), options);
  const { id, die } = await unconfirmed(t, world, 2);
  die();
  await abortChange(world.host, id, { message: "Bad", quarantine: true });

  t.is((await runPass(world.host, policy(2), { prune: false, trigger: "command" })).kind, "applied");
  t.deepEqual(await readQuarantine(world.host.state), []);
});

test("rollbackTo() brings back any of the last five confirmed policies without git, and holds the host against what git says", async (t) => {
  const { host } = worldOf(t);
  for (const limit of [1, 2, 3, 4, 5, 6]) await runPass(host, policy(limit), options);

  const gone = await t.throwsAsync<ReconcilerError>(rollbackTo(host, "limit 1", { reason: null }), { code: "nothing-to-roll-back" });
  const outcome = await rollbackTo(host, "limit 2", { reason: "INC-1" });
  const again = await runPass(host, policy(6), { ...options, respectHold: true });
  const further = await rollbackTo(host, "limit 4", { reason: null });
  const still = await runPass(host, policy(6), { ...options, respectHold: true });
  const moved = await runPass(host, policy(7), { ...options, respectHold: true });

  t.is(gone.hint, "Kept are limit 6, limit 5, limit 4, limit 3, limit 2");
  t.is(outcome.kind, "applied");
  t.like(again, { kind: "held", revision: "limit 6" });
  t.is(further.kind, "applied");
  t.like(still, { kind: "held", revision: "limit 6" });
  t.is(moved.kind, "applied");
  t.is(await readHold(host.state), null);
});
