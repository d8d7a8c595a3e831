// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { finishConfirmation } from "./finish-confirmation.ts";
import type { Host } from "./host.ts";
import type { Confirmation } from "./model/confirmation.ts";
import type { Snapshot } from "./model/snapshot.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import { recover } from "./recover.ts";
import { rollBackUnconfirmed } from "./roll-back-unconfirmed.ts";
import { journalFault, readJournal } from "./state/journal.ts";
import { lockStateSoon } from "./state/lock.ts";
import {
  type ConfirmationEnd,
  isConfirmed,
  readConfirmationEnd,
  readUnconfirmed,
  readUnconfirmedPolicy,
  writeConfirmationEnd,
} from "./state/unconfirmed.ts";
import { tryToWrite } from "./state/write-file.ts";
import { systemBootClock } from "./watchdog/boot-clock.ts";
import { askWatchdog } from "./watchdog/connection.ts";
import { isWatched, seizeLock } from "./watchdog/fence.ts";

/** A watchdog that does not answer for so long is taken for dead. */
const patience = 3_000;
/** `sluice status` holds the lock for a moment to see whether somebody does. */
const glance = 500;
/** Of the files that say how it ended, with room to spare. */
const recordSize = 16_384;
/** Rolling back waits for whoever is at work. */
const rollBackTime = 60_000;

/**
 * Keeps the change with this id for good: the watchdog is disarmed, and only when it has said so is anything written down. Says who
 * confirmed it. Confirming what is confirmed already does nothing, or finishes what somebody died at. Throws ReconcilerError
 * "not-confirmed" for what was rolled back, "nothing-to-confirm" for an id that nobody knows, "state-locked", "state-unwritable".
 */
export async function confirmChange(host: Host, id: string, by: string): Promise<ConfirmationEnd> {
  if (!existsSync(host.state)) return endedBefore(host, id, null);
  const lock = await lockStateSoon(host.state);
  try {
    const fault = isWatched(host.state) ? await journalFault(host.state) : null;
    if (fault !== null) throw unreadable(id, "its journal", fault);
    const found = await readJournal(host.state);
    const confirm = found?.kind === "found" ? found.journal.confirm : undefined;
    if (confirm === undefined || confirm.id !== id) return await endedBefore(host, id, confirm?.id ?? null);
    const [change, policy] = await Promise.all([readUnconfirmed(host.state), readUnconfirmedPolicy(host.state)]).catch((cause: unknown) => {
      throw unreadable(id, "what was written down of it", cause instanceof Error ? cause.message : String(cause));
    });
    if (change === null || policy === null) throw notYet(id);
    // Somebody may have died at it.
    if (!(await isConfirmed(host.state, id))) {
      await proveWritable(host, confirm, policy);
      await disarm(host, confirm);
      await decide(host, confirm, {
        id,
        result: "confirmed",
        time: new Date(host.now()).toISOString(),
        revision: change.plan.revision.name,
        message: by,
      });
    }
    await finishConfirmation(host).catch((cause: unknown) => {
      throw unfinished(id, cause);
    });
    return await endedBefore(host, id, null);
  } finally {
    lock.release();
  }
}

/** From here on it stays, whoever dies: nobody watches over it any more, and whoever comes next writes down the rest. */
async function decide({ state }: Host, confirm: Confirmation, end: ConfirmationEnd): Promise<void> {
  await writeConfirmationEnd(state, end).catch((cause: unknown) => {
    throw unwatched(confirm, cause);
  });
}

/** While the watchdog still watches: a state directory that takes nothing would leave the change with neither watchdog nor record. */
async function proveWritable({ state }: Host, { id, until }: Confirmation, { files }: Snapshot): Promise<void> {
  const bytes = [...files.values()].reduce((sum, content) => sum + content.length, recordSize);
  try {
    await tryToWrite(state, bytes);
  } catch (cause) {
    const { message } = cause as ReconcilerError;
    throw new ReconcilerError("state-unwritable", `Cannot confirm ${id}: ${message}; it runs on until ${until} and is then taken back`, {
      cause,
      hint: `Make room or mend that file system, then sluice confirm ${id} again; sluice abort ${id} takes it back at once`,
    });
  }
}

/** Takes the change with this id back at once. Throws as confirmChange does, and "rollback-failed". */
export async function abortChange(
  host: Host,
  id: string,
  reason: { readonly message: string; readonly quarantine: boolean },
): Promise<ConfirmationEnd> {
  const { message, quarantine } = reason;
  if (!existsSync(host.state)) return endedBefore(host, id, null);
  const answer = await askWatchdog(host.state, { say: "abort", id, reason: message, quarantine }, rollBackTime);
  if (answer?.answer !== "rolled-back") await abortAlone(host, id, reason);
  const end = await readConfirmationEnd(host.state);
  if (end?.id === id && end.result === "rolled-back") return end;
  if (end?.id === id)
    throw new ReconcilerError("nothing-to-confirm", `Cannot take ${id} back: it is confirmed`, {
      hint: "sluice rollback undoes the last apply",
    });
  return endedBefore(host, id, answer?.answer === "refused" ? answer.id : null);
}

/** Nobody watches over it, or who does is stuck: with the lock of watchdogs we are the watchdog. */
async function abortAlone(host: Host, id: string, reason: { readonly message: string; readonly quarantine: boolean }): Promise<void> {
  const lock = await lockStateSoon(host.state);
  try {
    const found = await readJournal(host.state);
    if (found?.kind !== "found" || found.journal.confirm?.id !== id || (await isConfirmed(host.state, id))) return;
    const watch = await seizeLock(host.state, "watchdog.lock", patience);
    try {
      await rollBackUnconfirmed(host, found.journal, reason);
    } finally {
      watch.release();
    }
  } finally {
    lock.release();
  }
}

/** After this nobody rolls the change back any more. */
async function disarm(host: Host, confirm: Confirmation): Promise<void> {
  const answer = isWatched(host.state) ? await askWatchdog(host.state, { say: "disarm", id: confirm.id }, patience) : null;
  if (answer?.answer === "disarmed") return;
  if (answer !== null) throw tooLate(confirm.id, "the watchdog rolls it back already");
  const clock = host.boot ?? systemBootClock;
  const isOver = clock.boot() !== confirm.boot || clock.now() >= confirm.deadline;
  if (isOver) {
    await recover(host);
    throw tooLate(confirm.id, `it had to be confirmed by ${confirm.until}`);
  }
  // Whoever is stuck must not wake up and roll back what we confirm.
  (await seizeLock(host.state, "watchdog.lock", glance)).release();
}

async function endedBefore(host: Host, id: string, other: string | null): Promise<ConfirmationEnd> {
  const end = await readConfirmationEnd(host.state);
  if (end?.id === id) {
    if (end.result === "confirmed") return end;
    throw tooLate(id, end.message);
  }
  const hint = other === null ? "sluice status says what waits to be confirmed" : `What waits to be confirmed is ${other}`;
  throw new ReconcilerError("nothing-to-confirm", `Cannot find "${id}": no change with this id waits to be confirmed`, { hint });
}

function tooLate(id: string, reason: string): ReconcilerError {
  return new ReconcilerError("not-confirmed", `Cannot confirm ${id}: it was rolled back (${reason})`, {
    hint: "sluice status says what runs now, sluice history why; apply it again to try again",
  });
}

function unreadable(id: string, what: string, fault: string): ReconcilerError {
  return new ReconcilerError(
    "state-unwritable",
    `Cannot confirm ${id}: ${what} is unreadable (${fault}); it runs until its watchdog takes it back`,
    {
      hint: `sluice abort ${id} takes it back at once`,
    },
  );
}

function unwatched({ id }: Confirmation, cause: unknown): ReconcilerError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ReconcilerError("state-unwritable", `Cannot confirm ${id}: ${message}; it runs, and nobody watches over it any more`, {
    cause,
    hint: `Make room or mend the file system, then sluice confirm ${id} again: the next sluice that changes something takes it back`,
  });
}

function unfinished(id: string, cause: unknown): ReconcilerError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ReconcilerError("state-unwritable", `${id} is confirmed and stays, but not all of it could be written down: ${message}`, {
    cause,
    hint: `Make room or mend the file system, then sluice confirm ${id} again; the next sluice that changes something does it, too`,
  });
}

function notYet(id: string): ReconcilerError {
  return new ReconcilerError("state-locked", `Cannot confirm ${id}: it is not fully applied`, { hint: "Try again when it has finished" });
}
