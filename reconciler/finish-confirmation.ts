// SPDX-License-Identifier: Apache-2.0
import { cleanUp } from "./5-apply/clean-up.ts";
import type { Host } from "./host.ts";
import type { AppliedPlan } from "./model/outcome.ts";
import { recordChoice, recordOutcome } from "./record-outcome.ts";
import { archiveJournal } from "./state/journal.ts";
import { clearUnconfirmed, readUnconfirmed, readUnconfirmedPolicy } from "./state/unconfirmed.ts";

/**
 * Writes down a change that is confirmed. That it is was on disk first and the journal goes last, so whoever is cut off in between is followed by
 * somebody who does it again; the history has it twice then. Needs the state lock. Throws ReconcilerError "state-unwritable".
 */
export async function finishConfirmation(host: Host): Promise<void> {
  const [change, policy] = await Promise.all([readUnconfirmed(host.state), readUnconfirmedPolicy(host.state)]);
  if (change !== null && policy !== null) {
    const { confirm, plan, milliseconds, trigger } = change;
    const outcome: AppliedPlan = { kind: "applied", plan, milliseconds, leftovers: [], notes: [] };
    const recorded = await recordOutcome(host, policy, trigger, outcome);
    if (recorded.kind === "applied")
      for (const note of recorded.notes) host.warn?.(`${confirm.id} is confirmed, but not all of it is on record: ${note}`);
    await recordChoice(host, trigger, plan.revision);
  }
  await archiveJournal(host.state);
  await clearUnconfirmed(host.state);
  await cleanUp(host.kernel, change?.cleanup ?? [], () => undefined);
}
