// SPDX-License-Identifier: Apache-2.0
import { setPriority } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openLibbpfKernel } from "../../bpf/kernel/libbpf-kernel.ts";
import type { Confirmation } from "../model/confirmation.ts";
import type { Journal } from "../model/journal.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { missingPin } from "../require-pins.ts";
import { type RollBackReason, rollBackUnconfirmed } from "../roll-back-unconfirmed.ts";
import { readJournal } from "../state/journal.ts";
import type { StateLock } from "../state/lock.ts";
import { openState } from "../state/state-directory.ts";
import { systemBootClock } from "./boot-clock.ts";
import { seizeLock } from "./fence.ts";
import { inodeOf } from "./inode.ts";
import { serveWatch } from "./serve-watch.ts";
import { stillOurs } from "./still-ours.ts";
import { createWatch } from "./watch.ts";

/**
 * The process that watches over one unconfirmed change: node main.js STATE BPFFS. It says "armed" on its standard output once it is sure
 * that it can roll back, or why it cannot, and lets go of that output. It belongs to no session and outlives who started it.
 */
const [state = "", bpffs = ""] = process.argv.slice(2);
const lockPath = join(state, "watchdog.lock");

/** One who holds the lock for longer while we have to roll back is killed. */
const patience = 3_000;
const look = 50;

const kernel = openLibbpfKernel();

async function main(): Promise<void> {
  // What ends a session or a service must not end us: only being disarmed, or having rolled back, does.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE"] as const) process.on(signal, () => undefined);
  favour();
  const lock = await seizeLock(state, "watchdog.lock", 1_000);
  const home = inodeOf(lockPath);
  const { journal, confirm } = await findChange();
  const watch = createWatch({ confirm, clock: systemBootClock, rollBack: (reason) => rollBack({ ...journal, confirm }, reason, home) });
  const server = await serveWatch(join(state, "watchdog.sock"), watch);
  const timer = setInterval(watch.tick, look);
  say(`armed ${journal.operations.length}`);

  const end = await watch.ended;
  clearInterval(timer);
  server.tellOwner(end.kind === "disarmed" ? { answer: "disarmed" } : { answer: "rolled-back", reason: end.reason.message });
  await server.close();
  lock.release();
  process.exit(0);
}

/** Everything that rolling back needs is there: found out before the change is made. */
async function findChange(): Promise<{ readonly journal: Journal; readonly confirm: Confirmation }> {
  const found = await readJournal(state);
  if (found?.kind !== "found" || found.journal.confirm === undefined) throw new Error("there is no journal of a change to confirm");
  const { journal } = found;
  const missing = await missingPin(kernel, journal.operations, await kernel.pins(bpffs));
  if (missing !== null) throw new Error(`"${missing}", which the way back leads to, is not pinned`);
  return { journal, confirm: found.journal.confirm };
}

async function rollBack(journal: Journal, reason: RollBackReason, home: string | null): Promise<void> {
  let wasTorn = false;
  for (let pause = 200; ; pause = Math.min(pause * 2, 30_000)) {
    try {
      if (inodeOf(lockPath) !== home) await rollBackWithoutState(journal, reason);
      else await rollBackOnce(journal, reason, wasTorn, () => (wasTorn = true));
      return;
    } catch (error) {
      log(error);
      await sleep(pause);
    }
  }
}

async function rollBackOnce(journal: Journal, reason: RollBackReason, wasTorn: boolean, torn: () => void): Promise<void> {
  const lock = await seizeLock(state, "lock", patience);
  try {
    const found = await readJournal(state);
    // Undone by who made it, or by who came after us. One that was damaged since, and is set aside now, is no excuse: we have read it.
    if (found?.kind === "broken") torn();
    const isGone = (found === null && !wasTorn) || (found?.kind === "found" && found.journal.confirm?.id !== journal.confirm?.id);
    if (!isGone) await rollBackUnconfirmed({ kernel, state, layout: { root: bpffs }, now: Date.now }, journal, reason);
  } finally {
    lock.release();
  }
}

/**
 * The state directory was removed, or emptied, or another one stands in its place: that the journal is not in there says nothing. What
 * runs does: hooks that are still as our change left them are ours to take back. Written down in the new place, where there can be one.
 */
async function rollBackWithoutState(journal: Journal, reason: RollBackReason): Promise<void> {
  const lock = await lockAnew();
  try {
    const operations = stillOurs(journal.operations, await kernel.pins(bpffs));
    log(`the state directory is gone, rolling back from memory: ${operations.length} of ${journal.operations.length} operations`);
    if (operations.length === 0) return;
    await rollBackUnconfirmed({ kernel, state, layout: { root: bpffs }, now: Date.now }, { ...journal, operations }, reason);
  } catch (error) {
    // The kernel came first, and there is nowhere to write that down.
    const isNowhere = lock === null && error instanceof ReconcilerError && error.code === "state-unwritable";
    if (!isNowhere) throw error;
    log(error);
  } finally {
    lock?.release();
  }
}

/** null where there can be no state directory: then nobody else can be at work on it. */
async function lockAnew(): Promise<StateLock | null> {
  try {
    await openState(state);
    return await seizeLock(state, "lock", patience);
  } catch (error) {
    log(error);
    return null;
  }
}

/** A busy machine must not keep us waiting; where we may not ask for that, we go without. */
function favour(): void {
  try {
    setPriority(-10);
  } catch {
    log("not favoured");
  }
}

function say(line: string): void {
  process.stdout.on("error", () => undefined);
  process.stdout.write(`${line}\n`);
}

function log(error: unknown): void {
  process.stderr.write(`${new Date().toISOString()} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}

process.on("uncaughtException", log);
main().catch((error: unknown) => {
  log(error);
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
  setTimeout(() => process.exit(1), 100);
});
