// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { lockFile } from "../../bpf/kernel/file-lock.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { createMemoryKernel } from "../../bpf/kernel/memory/memory-kernel.ts";
import { confirmChange } from "../../reconciler/confirm.ts";
import { driftPass, heal } from "../../reconciler/drift.ts";
import { type Host, policyReader } from "../../reconciler/host.ts";
import type { ConfirmRequest } from "../../reconciler/keep-for-confirmation.ts";
import type { Snapshot } from "../../reconciler/model/snapshot.ts";
import { observePins } from "../../reconciler/observe-host.ts";
import { locked, passLocked, runPass } from "../../reconciler/reconcile.ts";
import { ReconcilerError } from "../../reconciler/reconciler-error.ts";
import { rollBackUnconfirmed } from "../../reconciler/roll-back-unconfirmed.ts";
import { rollback } from "../../reconciler/rollback.ts";
import { rollbackTo } from "../../reconciler/rollback-to.ts";
import { readJournal } from "../../reconciler/state/journal.ts";
import { lockState } from "../../reconciler/state/lock.ts";
import { replaceFiles } from "../lab/faulty-files.ts";
import { temporaryFolder } from "../reconciler/temporary.ts";

const command = { prune: true, trigger: "command" } as const;
const commit = { prune: true, trigger: "commit", respectHold: true, respectQuarantine: true } as const;

/** What somebody does on a host that runs limit 2 and ran limit 1 before. */
interface Deed {
  readonly name: string;
  readonly prepare?: (host: Host) => Promise<unknown>;
  readonly work: (host: Host) => Promise<unknown>;
  /** The limits of which one must run afterwards, the one that is wanted last. */
  readonly between: readonly [number, number];
}

const deeds: readonly Deed[] = [
  { name: "an apply", work: (host) => runPass(host, policy(3), command), between: [2, 3] },
  { name: "an agent's pass", work: (host) => runPass(host, policy(3), commit), between: [2, 3] },
  { name: "a rollback", work: (host) => rollback(host, { reason: null }), between: [2, 1] },
  { name: "a rollback to a policy", work: (host) => rollbackTo(host, "limit 1", { reason: null }), between: [2, 1] },
  { name: "an apply to be confirmed", work: (host) => runPass(host, policy(3), { ...command, confirm: unwatched() }), between: [2, 3] },
  {
    name: "a confirmation",
    prepare: (host) => runPass(host, policy(3), { ...command, confirm: unwatched() }),
    work: (host) => confirmChange(host, idOf(host), "by hand"),
    between: [2, 3],
  },
  {
    name: "a watchdog that rolls back",
    prepare: (host) => runPass(host, policy(3), { ...command, confirm: unwatched() }),
    work: async (host) => {
      const found = await readJournal(host.state);
      if (found?.kind !== "found") return;
      await rollBackUnconfirmed(host, found.journal, { message: "Not confirmed", quarantine: true });
    },
    between: [3, 2],
  },
];

/** Every call fails, with one of these, once and for good; with `npm run faults` with all of them. */
const all = process.env["SLUICE_FAULTS"] === "all";
const codes = ["ENOSPC", "EROFS", "EIO"] as const;

for (const { name, prepare, work, between } of deeds) {
  test.serial(`${name}: whichever call on the state directory fails, each hook is old or new, and the next pass finishes`, async (t) => {
    for (const [index, code] of codes.entries()) {
      for (const isLasting of [false, true]) {
        for (let nth = all ? 1 : 1 + index, struck = true; struck; nth += all ? 1 : codes.length) {
          const host = await hostOf(t);
          await prepare?.(host);
          const faulty = replaceFiles(host.state, (call) => (call === nth || (isLasting && call > nth) ? code : null));
          const error = await work(host).then(
            () => null,
            (thrown: unknown) => thrown,
          );
          faulty.restore();
          struck = faulty.failed.length > 0;
          const place = `${code} at call ${nth}${isLasting ? " and after" : ""}: ${faulty.failed[0] ?? "none"}`;

          t.true(between.includes(await running(host)), place);
          if (error !== null) tellsWhatToDo(t, host, error, place);
          await finishes(t, host, between[1], place);
        }
      }
    }
  });
}

const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ["empty", () => Buffer.alloc(0)],
  ["half", (bytes) => bytes.subarray(0, bytes.length / 2)],
  ["without its last brace", (bytes) => bytes.subarray(0, -2)],
  ["garbage", (bytes) => Buffer.alloc(bytes.length, "sluice?")],
];
const files = [
  "applied.json",
  "policy.json",
  "policy.previous.json",
  "undo",
  "hold.json",
  "quarantine.json",
  "confirmation.json",
  "history.jsonl",
];

for (const { name, prepare, work, between } of deeds) {
  test.serial(`${name}: with any file torn, each hook is old or new, the file is kept, and the next pass finishes`, async (t) => {
    for (const file of [...files, "journal", "unconfirmed.json", "policy.unconfirmed.json"]) {
      for (const [damage, tear] of damages) {
        const host = await hostOf(t);
        await prepare?.(host);
        const path = join(host.state, file);
        if (!readdirSync(host.state).includes(file)) continue;
        const torn = tear(readFileSync(path));
        writeFileSync(path, torn);
        const place = `${file}, ${damage}`;

        const error = await work(host).then(
          () => null,
          (thrown: unknown) => thrown,
        );

        t.true(between.includes(await running(host)), place);
        if (error !== null) tellsWhatToDo(t, host, error, place);
        await finishes(t, host, between[1], place);
        if (file !== "history.jsonl") t.true(isKept(host, file, torn), place);
      }
    }
  });
}

test.serial("a heal that waits for another command brings back what that one has applied, not what was applied before", async (t) => {
  const host = await hostOf(t);
  const other = await lockState(host.state);

  const healing = heal(host, { modes: ["alert", "heal", "ignore"] });
  await passLocked(host, policy(3), command);
  other.release();

  t.is((await healing)?.kind, "unchanged");
  t.is(await running(host), 3);
});

test.serial("an agent that starts after a reboot with any file torn brings back what was applied last, or waits for git", async (t) => {
  for (const file of files) {
    for (const [damage, tear] of damages) {
      const before = await hostOf(t);
      const torn = tear(readFileSync(join(before.state, file)));
      writeFileSync(join(before.state, file), torn);
      const host = { ...before, kernel: createMemoryKernel({ devices: ["eth0"] }) };
      const place = `${file}, ${damage}`;

      await locked(host, async () => undefined);
      const healed = await heal(host, { modes: ["alert", "heal", "ignore"] }).catch((error: unknown) => {
        tellsWhatToDo(t, host, error, place);
        return null;
      });

      t.is(await running(host), healed === null ? 0 : 2, place);
      await finishes(t, host, 2, place);
      if (file !== "history.jsonl") t.true(isKept(host, file, torn), place);
    }
  }
});

test.serial("after a crash, a journal that is cut anywhere leads to what ran or to what is wanted", async (t) => {
  const whole = await crashedHost(t);
  const journal = readFileSync(join(whole.state, "journal"));

  for (let length = 0; length < journal.length; length += 1 + Math.floor(journal.length / 40)) {
    const host = await crashedHost(t);
    writeFileSync(join(host.state, "journal"), journal.subarray(0, length));

    t.true([2, 3].includes(await running(host)), `${length}`);
    await finishes(t, host, 3, `${length}`);
    t.true(isKept(host, "journal", journal.subarray(0, length)), `${length}`);
  }
});

test.serial("a hold that cannot be read holds: the agent does nothing until somebody applies by hand", async (t) => {
  const host = await hostOf(t);
  await rollback(host, { reason: null });
  writeFileSync(join(host.state, "hold.json"), "{");

  const error = await t.throwsAsync(runPass(host, policy(2), commit), { instanceOf: ReconcilerError });
  const after = await running(host);
  const byHand = await runPass(host, policy(2), command);

  t.is(error.message, `Cannot read "${join(host.state, "hold.json")}": it is not a record of Sluice; every hook runs what it ran`);
  t.is(error.hint, "sluice apply sets it aside and goes on without it");
  t.is(after, 1);
  t.is(byHand.kind, "applied");
  t.true(isKept(host, "hold.json", Buffer.from("{")));
});

test.serial("a rollback that cannot be written down is held, and healing does not undo it", async (t) => {
  const host = await hostOf(t);
  const faulty = replaceFiles(host.state, () => null);
  await rollback(host, { reason: null });
  const calls = faulty.count();
  faulty.restore();
  const other = await hostOf(t);
  const isRecord = (nth: number) => nth > calls / 2;
  const late = replaceFiles(other.state, (nth) => (isRecord(nth) ? "ENOSPC" : null));
  const result = await rollback(other, { reason: null });
  late.restore();

  const healed = await heal(other, { modes: ["alert", "heal", "ignore"] });

  t.true((result?.notes.length ?? 0) > 0);
  t.is(healed?.kind, "held");
  t.is(await running(other), 1);
});

function idOf(host: Host): string {
  return (
    /c-[0-9a-f]{6}/.exec(readFileSync(join(host.state, "journal"), "utf8") + readText(join(host.state, "unconfirmed.json")))?.[0] ?? "c-1"
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Somebody is told which file it is about, and what to type. */
function tellsWhatToDo(t: ExecutionContext, host: Host, error: unknown, place: string): void {
  const messages: string[] = [];
  const hints: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    messages.push(cause.message);
    if (cause instanceof ReconcilerError && cause.hint !== null) hints.push(cause.hint);
  }
  t.true(error instanceof ReconcilerError, `${place}: ${String(error)}`);
  t.true(messages.join(" ").includes(host.state) || hints.join(" ").includes("sluice "), `${place}: ${messages.join(" < ")}`);
  t.true(hints.length > 0, `${place}: ${messages.join(" < ")}`);
}

async function finishes(t: ExecutionContext, host: Host, limit: number, place: string): Promise<void> {
  // A change that nobody watches over is taken back first.
  const outcome = await runPass(host, policy(limit), command);
  t.true(["applied", "unchanged"].includes(outcome.kind), `${place}: ${outcome.kind}`);
  t.is(await running(host), limit, place);
  const drift = await driftPass(host);
  t.deepEqual(drift.kind === "checked" ? drift.report.findings : drift.kind, [], place);
  t.is((await runPass(host, policy(limit), commit)).kind, "unchanged", place);
}

function isKept(host: Host, file: string, torn: Buffer): boolean {
  const names = readdirSync(host.state).filter((name) => name === file || name.startsWith(`${file}.broken-`));
  // A hold that was torn may be cleared by then, and what was a policy may have grown older.
  const older = readdirSync(host.state).filter((name) => name.startsWith("policy."));
  return [...names, ...older].some((name) => readFileSync(join(host.state, name)).equals(torn));
}

/** Runs limit 2 and can go back to limit 1; every file of the state directory is there. */
async function hostOf(t: ExecutionContext): Promise<Host> {
  const host: Host = {
    name: "edge-1",
    kernel: createMemoryKernel({ devices: ["eth0"] }),
    layout: { root: "/sys/fs/bpf/sluice" },
    state: join(temporaryFolder(t), "state"),
    policy: policyReader,
    now: () => 1_790_000_000_000,
    boot: { now: () => 0, boot: () => "first" },
  };
  await runPass(host, policy(1), command);
  await runPass(host, policy(2), command);
  const record = (name: string, value: object) =>
    writeFileSync(join(host.state, name), `${JSON.stringify({ format: 1, ...value }, null, 2)}\n`, { mode: 0o600 });
  const other = { since: "2026-11-20T10:25:58.000Z", revision: "limit 9", desired: "9be07d", reason: "INC-1" };
  record("hold.json", other);
  record("quarantine.json", { entries: [other] });
  record("confirmation.json", { id: "c-0", result: "confirmed", time: other.since, revision: "limit 0", message: "by hand" });
  return host;
}

/** A process that died in the commit of limit 3. */
async function crashedHost(t: ExecutionContext): Promise<Host> {
  const host = await hostOf(t);
  const dead: Kernel = { ...host.kernel, switchLink: () => new Promise(() => undefined) };
  void runPass({ ...host, kernel: dead }, policy(3), command);
  while (!readdirSync(host.state).includes("journal")) await new Promise((resolve) => setTimeout(resolve, 5));
  // The dead one still holds the lock of its directory.
  const state = join(temporaryFolder(t), "state");
  mkdirSync(state, { mode: 0o700 });
  cpSync(host.state, state, { recursive: true });
  return { ...host, state };
}

/** The limit that the chain's only step is called after; 0 when nothing runs. */
async function running(host: Host): Promise<number> {
  // Its records may be torn: what runs is the kernel's to say.
  const { hooks } = await observePins({ ...host, state: join(host.state, "none") });
  const generation = hooks.flatMap(({ generations }) => generations).find((one) => one.running);
  return Number(generation?.manifest?.steps[0]?.name.replace("flood", "") ?? 0);
}

function policy(limit: number): Snapshot {
  const chain = `[{ name: flood${limit}, uses: count, with: { by: [protocol] } }]`;
  const text = `apiVersion: sluice/v1\ninterface: eth0\nxdp: { chain: ${chain} }\n`;
  const revision = { name: `limit ${limit}`, commit: null, author: null, subject: null, committed: null };
  return { revision, files: new Map([["interfaces/eth0.yaml", Buffer.from(text)]]) };
}

/** Nobody watches: a watchdog that is dead at once. */
function unwatched(): ConfirmRequest {
  const arm: ConfirmRequest["arm"] = async (state) => {
    lockFile(join(state, "watchdog.lock"))?.release();
    return {
      committed: async () => undefined,
      disarm: async () => true,
      abort: async () => false,
      ended: new Promise(() => undefined),
      leave: () => undefined,
    };
  };
  return { timeout: 60_000, owner: "agent", heartbeat: 5_000, arm };
}
