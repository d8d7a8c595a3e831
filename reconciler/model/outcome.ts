// SPDX-License-Identifier: Apache-2.0
import type { Diagnostic } from "./diagnostic.ts";
import type { Plan } from "./plan.ts";

/** How a pass ended. */
export type Outcome = Unchanged | Applied | Refused | RolledBack | Stuck | Invalid;

/** The plan was empty: nothing was written anywhere. */
export interface Unchanged {
  readonly kind: "unchanged";
  readonly plan: Plan;
}

export interface Applied {
  readonly kind: "applied";
  readonly plan: Plan;
  readonly milliseconds: number;
  /** Pins that could not be cleaned up yet; the next pass tries again. */
  readonly leftovers: readonly string[];
}

/** The plan has refusals: nothing was touched. */
export interface Refused {
  readonly kind: "refused";
  readonly plan: Plan;
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
