// SPDX-License-Identifier: Apache-2.0
import type { Diagnostic } from "./diagnostic.ts";
import type { Plan } from "./plan.ts";

/** How a pass ended. */
export type Outcome = Unchanged | AppliedPlan | Unconfirmed | Refused | Declined | Held | Quarantined | RolledBack | Stuck | Invalid;

/** The plan was empty: nothing was written anywhere. */
export interface Unchanged {
  readonly kind: "unchanged";
  readonly plan: Plan;
}

export interface AppliedPlan {
  readonly kind: "applied";
  readonly plan: Plan;
  readonly milliseconds: number;
  /** Pins that could not be cleaned up yet; the next pass tries again. */
  readonly leftovers: readonly string[];
  /** What is worth knowing of the result, and what could not be written down afterwards, in sentences. */
  readonly notes: readonly string[];
}

/** Applied and verified, and rolled back by the watchdog unless somebody confirms it in time. Not on record yet. */
export interface Unconfirmed {
  readonly kind: "unconfirmed";
  readonly plan: Plan;
  readonly milliseconds: number;
  /** What `sluice confirm` and `sluice abort` take. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly until: string;
  readonly notes: readonly string[];
}

/** The plan has refusals: nothing was touched. */
export interface Refused {
  readonly kind: "refused";
  readonly plan: Plan;
}

/** Somebody was asked, and said no: nothing was touched. */
export interface Declined {
  readonly kind: "declined";
  readonly plan: Plan;
}

/** The revision was rolled back by hand: the host is left alone until git renders to something else. */
export interface Held {
  readonly kind: "held";
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Revision.name that was rolled back. */
  readonly revision: string;
}

/** What the revision renders to failed on this host before: it is left alone until git renders to something else. */
export interface Quarantined {
  readonly kind: "quarantined";
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Revision.name that failed. */
  readonly revision: string;
  /** Why it was rolled back. */
  readonly reason: string;
}

/** A step of the apply failed; the host is exactly as before. */
export interface RolledBack {
  readonly kind: "rolled-back";
  readonly plan: Plan;
  /** prepare: nothing was visible to traffic yet. */
  readonly during: "prepare" | "commit" | "verify";
  readonly error: unknown;
}

/** Undoing failed too: the journal stays, and the next start tries again. */
export interface Stuck {
  readonly kind: "stuck";
  readonly plan: Plan;
  readonly error: unknown;
  readonly undoErrors: readonly unknown[];
}

/** The policy has errors; there is no plan. */
export interface Invalid {
  readonly kind: "invalid";
  readonly diagnostics: readonly Diagnostic[];
}
