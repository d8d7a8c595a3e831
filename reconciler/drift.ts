// SPDX-License-Identifier: Apache-2.0

import type { Progress } from "./5-apply/perform.ts";
import { type DriftReport, describeDrift } from "./6-report/describe-drift.ts";
import type { Host } from "./host.ts";
import type { Desired, DriftMode } from "./model/desired.ts";
import type { Invalid, Outcome } from "./model/outcome.ts";
import type { Plan } from "./model/plan.ts";
import { locked, passLocked, planPass } from "./reconcile.ts";
import { readLastSnapshot } from "./state/last-snapshot.ts";
import { snapshotNow } from "./state/now.ts";

export type DriftResult =
  /** Nothing has been applied, so nothing can differ from it. */
  | { readonly kind: "none-applied" }
  | Invalid
  | { readonly kind: "checked"; readonly report: DriftReport; readonly plan: Plan; readonly desired: Desired };

/** Compares the kernel with the policy that was applied last, confirmed or not; changes nothing. */
export async function driftPass(host: Host): Promise<DriftResult> {
  const snapshot = await snapshotNow(host.state);
  if (snapshot === null) return { kind: "none-applied" };
  const planned = await planPass(host, snapshot, { prune: true });
  if (planned.kind === "invalid") return planned;
  return {
    kind: "checked",
    report: describeDrift(planned.plan, planned.desired, planned.observed),
    plan: planned.plan,
    desired: planned.desired,
  };
}

export interface HealOptions {
  /** Chains to bring back, by what their policy says about drift. */
  readonly modes: readonly DriftMode[];
  readonly progress?: Progress;
}

/** Brings the kernel back to the policy that was applied last; null when there was none. */
export async function heal(host: Host, { modes, ...options }: HealOptions): Promise<Outcome | null> {
  return locked(host, async () => {
    // With the lock held: another of our commands may have brought another policy meanwhile.
    const snapshot = await readLastSnapshot(host.state);
    if (snapshot === null) return null;
    // A rollback that could not be written down is still held: what was applied before it is not brought back.
    const respectHold = true;
    return passLocked(host, snapshot, {
      ...options,
      prune: true,
      trigger: "drift",
      respectHold,
      only: (hook) => modes.includes(hook.drift),
    });
  });
}
