// SPDX-License-Identifier: Apache-2.0
import type { Diagnostic } from "./diagnostic.ts";
import type { Plan } from "./plan.ts";

/** How a pass ended. */
export type Outcome = Unchanged | AppliedPlan | Refused | Declined | Held | RolledBack | Stuck | Invalid;

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
