// SPDX-License-Identifier: Apache-2.0
import { undo } from "./5-apply/perform.ts";
import { finishConfirmation } from "./finish-confirmation.ts";
import type { Host } from "./host.ts";
import type { Confirmation } from "./model/confirmation.ts";
import type { Journal } from "./model/journal.ts";
import { objectsOf } from "./objects.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import { type RollBackReason, rollBackUnconfirmed } from "./roll-back-unconfirmed.ts";
import { aboutRevision, appendHistory } from "./state/history.ts";
import { clearJournal, journalFault, readJournal } from "./state/journal.ts";
import { addToQuarantine } from "./state/quarantine.ts";
import { clearUnconfirmed, isConfirmed, readUnconfirmed, type UnconfirmedChange } from "./state/unconfirmed.ts";
import { systemBootClock } from "./watchdog/boot-clock.ts";
import { isWatched, seizeLock } from "./watchdog/fence.ts";

/** So much later than the deadline a watchdog that lives has acted. */
const overdue = 10_000;
/** `sluice status` holds the lock for a moment to see whether somebody does. */
const glance = 500;

/**
 * Undoes an apply that a crash cut off, from its journal, and a change that nobody watches over any more. A journal that cannot be read
 * is kept aside: the kernel itself tells what there is, and the next plan brings it to the policy. Throws ReconcilerError
 * "confirmation-pending" while a change waits for its confirmation, "rollback-failed" when undoing fails; then the journal stays.
 */
export async function recover(host: Host): Promise<void> {
  const before = await readUnconfirmed(host.state).catch(() => null);
  const fault = await journalFault(host.state);
  if (fault !== null && isWatched(host.state)) throw pendingWithoutJournal(host, before, fault);
  const found = await readJournal(host.state);
  if (found === null) return;
  const time = new Date(host.now()).toISOString();
  if (found.kind === "broken") {
    const message = `The journal of an unfinished apply is unreadable and was kept as "${found.movedTo}": ${found.reason}`;
    host.warn?.(`${message}; planning goes by what the kernel says`);
    if (before !== null) {
      const { confirm, plan } = before;
      await addToQuarantine(host.state, { desired: confirm.desired, revision: plan.revision.name, since: time, reason: message });
      await clearUnconfirmed(host.state);
    }
    await appendHistory(host.state, { ...blank, time, revision: "", author: null, subject: null, result: "rolled-back", message });
    return;
  }
  const { confirm } = found.journal;
  if (confirm !== undefined) return recoverUnconfirmed(host, found.journal, confirm);
  const { revision, operations } = found.journal;
  // Without pins there are no links, so nothing of it is left: the machine was restarted, or somebody has removed everything.
  const isLeft = (await host.kernel.pins(host.layout.root)).length > 0;
  try {
    if (isLeft) await undo(host.kernel, objectsOf(host.policy.openObject, {}), operations, () => undefined);
  } catch (cause) {
    throw new ReconcilerError("rollback-failed", `Cannot undo the unfinished apply of ${revision.name}`, { cause });
  }
  await clearJournal(host.state);
  const message = "A crash cut the apply off; it was undone from its journal";
  host.warn?.(`An unfinished apply of ${revision.name} was undone from its journal`);
  await appendHistory(host.state, {
    ...blank,
    time,
    ...aboutRevision(revision),
    result: "rolled-back",
    message,
  });
}

/** The watchdog has read the journal and takes the change back from memory: nobody else can. */
function pendingWithoutJournal(host: Host, change: UnconfirmedChange | null, fault: string): ReconcilerError {
  const [name, until] = [change?.plan.revision.name ?? "a change", change?.confirm.until ?? "its time is over"];
  const message = `Cannot change ${host.name}: ${name} runs until ${until}, when its watchdog takes it back: it cannot be confirmed, because the journal in "${host.state}" is unreadable: ${fault}`;
  const hint = change === null ? "sluice status says what runs" : `sluice abort ${change.confirm.id} takes it back at once`;
  return new ReconcilerError("confirmation-pending", message, { hint });
}

const blank = { hooks: [], milliseconds: 0, trigger: "recovery" };

async function recoverUnconfirmed(host: Host, journal: Journal, confirm: Confirmation): Promise<void> {
  if (await isConfirmed(host.state, confirm.id)) return finishConfirmation(host);
  const reason = whyToRollBack(host, confirm);
  if (reason === null) {
    const name = journal.revision.name;
    throw new ReconcilerError("confirmation-pending", `Cannot change ${host.name}: ${name} waits to be confirmed until ${confirm.until}`, {
      hint: `sluice confirm ${confirm.id} keeps it, sluice abort ${confirm.id} takes it back`,
    });
  }
  // One that was stopped must not wake up later and roll back something else.
  const watch = await seizeLock(host.state, "watchdog.lock", glance);
  try {
    await rollBackUnconfirmed(host, journal, reason);
  } finally {
    watch.release();
  }
  host.warn?.(`${journal.revision.name} was rolled back: ${reason.message}`);
}

/** null while the watchdog sees to it. */
function whyToRollBack(host: Host, { boot, deadline, until }: Confirmation): RollBackReason | null {
  const clock = host.boot ?? systemBootClock;
  if (clock.boot() !== boot)
    return { message: "The machine was restarted before the change was confirmed", quarantine: true, rebooted: true };
  if (clock.now() > deadline + overdue) return { message: `Not confirmed by ${until}, and the watchdog did nothing`, quarantine: true };
  if (isWatched(host.state)) return null;
  return { message: "The watchdog ended before the change was confirmed", quarantine: false };
}
