// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from "node:crypto";
import type { JournalKeeper } from "./5-apply/apply-plan.ts";
import { undoing } from "./5-apply/perform.ts";
import type { Host } from "./host.ts";
import { type Confirmation, unrevertable } from "./model/confirmation.ts";
import type { Plan, Refusal } from "./model/plan.ts";
import { printOperation } from "./model/print-operation.ts";
import type { Snapshot } from "./model/snapshot.ts";
import { clearJournal, writeJournal } from "./state/journal.ts";
import { clearUnconfirmed, writeUnconfirmed } from "./state/unconfirmed.ts";
import type { Arm, Armed } from "./watchdog/arm.ts";
import { systemBootClock } from "./watchdog/boot-clock.ts";

/** How a change is to be confirmed. Milliseconds. */
export interface ConfirmRequest {
  readonly timeout: number;
  readonly owner: Confirmation["owner"];
  readonly heartbeat: number;
  readonly arm: Arm;
  /** Given the watchdog of a change that waits to be confirmed; without it the watchdog is left alone. */
  pending?(armed: Armed, confirm: Confirmation): void;
}

export interface ConfirmKeeper extends JournalKeeper {
  readonly confirm: Confirmation;
}

/**
 * Keeps the journal of a change that has to be confirmed: the watchdog is armed as soon as it is written, and it stays after the commit.
 * A failed apply disarms and removes it in one step.
 */
export function keepForConfirmation(
  host: Host,
  request: ConfirmRequest,
  change: { readonly plan: Plan; readonly snapshot: Snapshot; readonly trigger: string; readonly started: number },
): ConfirmKeeper {
  const { plan, snapshot, trigger, started } = change;
  const clock = host.boot ?? systemBootClock;
  const confirm: Confirmation = {
    id: `c-${randomBytes(3).toString("hex")}`,
    boot: clock.boot(),
    deadline: clock.now() + request.timeout,
    until: new Date(host.now() + request.timeout).toISOString(),
    owner: request.owner,
    heartbeat: request.heartbeat,
    desired: plan.desired,
    prepared: undoing(plan.prepare),
  };
  let armed: Armed | null = null;
  return {
    confirm,
    async write(journal) {
      await writeJournal(host.state, { ...journal, confirm });
      armed = await request.arm(host.state, host.layout.root, confirm);
    },
    async clear() {
      await armed?.disarm(confirm.id);
      armed?.leave();
      await clearUnconfirmed(host.state);
      await clearJournal(host.state);
    },
    async archive(cleanup) {
      if (armed === null) throw new Error("The watchdog is not armed");
      const { prepared: _prepared, ...rest } = confirm;
      const done = { ...plan, prepare: [], commit: [], objects: {} };
      await writeUnconfirmed(host.state, { confirm: rest, plan: done, trigger, milliseconds: host.now() - started, cleanup }, snapshot);
      await armed.committed();
      if (request.pending === undefined) armed.leave();
      else request.pending(armed, confirm);
    },
  };
}

/** Why a plan may not be applied to be confirmed; none where everything can be brought back. */
export function refusalsToConfirm({ commit }: Plan): readonly Refusal[] {
  return unrevertable(undoing(commit)).map((operation) => ({
    hook: "at" in operation ? operation.at : null,
    code: "not-revertable",
    message: `Cannot apply this to be confirmed: going back would have to ${printOperation(operation)}, which cannot bring back what is there now`,
    hint: "It takes the place of somebody else's program: apply it without --confirm, or remove that program first",
  }));
}
