// SPDX-License-Identifier: Apache-2.0
import type { Origin } from "./origin.ts";

/** Something wrong with what a user wrote: a value, never an exception. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** Stable: "unknown-key", "out-of-range". */
  readonly code: string;
  /** Sentence case, actual and expected, no full stop. */
  readonly message: string;
  readonly at: Origin;
  /** How many columns of the line it is about. */
  readonly length: number;
  /** The line of the file, as it stands there; null when there is none (a missing file), or it may hold what is sensitive. */
  readonly snippet: string | null;
  /** What to do, or what was probably meant: 'did you mean "xdp"?'. */
  readonly hint: string | null;
}
