// SPDX-License-Identifier: Apache-2.0

/** What the loop does next: wait for a commit, try again later, or observe and plan again. */
export type Next = "on-change" | "backoff" | "replan";

/** The catalogue: every code a user can meet, what the loop does, and the exit code of the command line. docs/errors.md explains each. */
export const errorCatalogue = {
  "source-unreachable": { next: "backoff", exit: 4 },
  "source-ref-missing": { next: "backoff", exit: 4 },
  "source-refused": { next: "backoff", exit: 4 },
  "source-unverified": { next: "backoff", exit: 5 },
  "source-rewound": { next: "backoff", exit: 5 },
  "source-invalid": { next: "on-change", exit: 3 },
  "config-invalid": { next: "on-change", exit: 3 },
  "snapshot-invalid": { next: "on-change", exit: 3 },
  "parser-crashed": { next: "backoff", exit: 3 },
  "parser-quarantined": { next: "on-change", exit: 10 },
  "parser-unavailable": { next: "backoff", exit: 3 },
  "plan-stale": { next: "replan", exit: 9 },
  "state-locked": { next: "backoff", exit: 9 },
  "state-unwritable": { next: "backoff", exit: 1 },
  "kernel-unavailable": { next: "backoff", exit: 1 },
  "chain-not-linkable": { next: "on-change", exit: 6 },
  "apply-failed": { next: "backoff", exit: 6 },
  "rollback-failed": { next: "backoff", exit: 7 },
  "nothing-to-roll-back": { next: "on-change", exit: 3 },
  "impact-unknown": { next: "on-change", exit: 1 },
  "confirmation-pending": { next: "backoff", exit: 9 },
  "watchdog-failed": { next: "backoff", exit: 6 },
  "nothing-to-confirm": { next: "on-change", exit: 3 },
  "not-confirmed": { next: "on-change", exit: 8 },
  held: { next: "on-change", exit: 10 },
} as const satisfies Record<string, { next: Next; exit: number }>;

export type ErrorCode = keyof typeof errorCatalogue;

export class ReconcilerError extends Error {
  override readonly name = "ReconcilerError";
  readonly code: ErrorCode;
  /** What to type or to look at next; null when we do not know. */
  readonly hint: string | null;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? null;
  }
}
