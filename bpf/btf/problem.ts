// SPDX-License-Identifier: Apache-2.0

/** Why one value does not fit its type. */
export interface Misfit {
  readonly code: ProblemCode;
  /** Sentence case, actual and expected, no full stop. */
  readonly message: string;
  readonly hint: string | null;
}

/** A misfit, and where in a value. */
export interface Problem extends Misfit {
  /** From the root of the value: member names and list indexes. */
  readonly path: readonly (string | number)[];
}

export type ProblemCode =
  | "wrong-type"
  | "out-of-range"
  | "unknown-member"
  | "unknown-value"
  | "too-long"
  | "exclusive-members"
  | "bad-address"
  | "host-bits"
  | "bad-bytes";

/** A value of a policy, quoted for a message: `"abc"`, `300`, `a list`. */
export function quoteValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a mapping";
  return String(value);
}
