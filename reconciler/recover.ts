// SPDX-License-Identifier: Apache-2.0
import { undo } from "./5-apply/perform.ts";
import type { Host } from "./host.ts";
import { objectsOf } from "./objects.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import { appendHistory } from "./state/history.ts";
import { clearJournal, readJournal } from "./state/journal.ts";

/**
 * Undoes an apply that a crash cut off, from its journal. A journal that cannot be read is kept aside: the kernel itself tells what
 * there is, and the next plan brings it to the policy. Throws ReconcilerError "rollback-failed" when undoing fails; the journal stays.
 */
export async function recover(host: Host): Promise<void> {
  const found = await readJournal(host.state);
  if (found === null) return;
  const time = new Date(host.now()).toISOString();
  if (found.kind === "broken") {
    const message = `The journal of an unfinished apply is unreadable and was kept as "${found.movedTo}": ${found.reason}`;
    host.warn?.(`${message}; planning goes by what the kernel says`);
    await appendHistory(host.state, { ...blank, time, revision: "", author: null, subject: null, result: "rolled-back", message });
    return;
  }
  const { revision, operations } = found.journal;
  try {
    await undo(host.kernel, objectsOf(host.policy.openObject, {}), operations, () => undefined);
  } catch (cause) {
    throw new ReconcilerError("rollback-failed", `Cannot undo the unfinished apply of ${revision.name}`, { cause });
  }
  await clearJournal(host.state);
  const message = "A crash cut the apply off; it was undone from its journal";
  host.warn?.(`An unfinished apply of ${revision.name} was undone from its journal`);
  await appendHistory(host.state, {
    ...blank,
    time,
    revision: revision.name,
    author: revision.author,
    subject: revision.subject,
    result: "rolled-back",
    message,
  });
}

const blank = { hooks: [], milliseconds: 0, trigger: "recovery" };
