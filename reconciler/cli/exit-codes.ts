// SPDX-License-Identifier: Apache-2.0
import type { Outcome } from "../model/outcome.ts";
import { errorCatalogue, ReconcilerError } from "../reconciler-error.ts";
import { Interrupted, UsageError } from "./cli-error.ts";

/** What the process ends with: an interface that scripts rely on, so a number never changes its meaning. docs/errors.md explains each. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  changes: 2,
  invalid: 3,
  source: 4,
  refused: 5,
  rolledBack: 6,
  stuck: 7,
  notConfirmed: 8,
  busy: 9,
  held: 10,
  interrupted: 130,
} as const;

/** One line per exit code, for `sluice --help`. */
export const exitCodeMeanings: ReadonlyArray<readonly [number, string]> = [
  [exitCodes.ok, "success, or nothing to do"],
  [exitCodes.failed, "failed for a reason that has no code of its own"],
  [exitCodes.changes, "success, and there are changes or drift (only with --detailed-exitcode)"],
  [exitCodes.invalid, "the policy, an option or a file is not valid; nothing was touched"],
  [exitCodes.source, "the policy repository cannot be read; the host keeps what it has"],
  [exitCodes.refused, "the plan must not be applied, or was not approved; nothing was touched"],
  [exitCodes.rolledBack, "the apply failed and was undone; the host is as before"],
  [exitCodes.stuck, "the apply failed and undoing it failed too; the journal is kept"],
  [exitCodes.notConfirmed, "not confirmed in time, or taken back; the host is as before"],
  [exitCodes.busy, "a stale plan, or another sluice is at work on this host"],
  [exitCodes.held, "the host is held by a rollback, or the policy failed here before"],
  [exitCodes.interrupted, "interrupted; an apply under way was undone"],
];

/** The exit code of a pass. Drift and changes are told apart by the verbs, with `exitCodes.changes`. */
export function exitCodeOfOutcome(outcome: Outcome): number {
  switch (outcome.kind) {
    case "unchanged":
    case "applied":
    case "unconfirmed":
      return exitCodes.ok;
    case "refused":
    case "declined":
      return exitCodes.refused;
    case "rolled-back":
      return isInterrupted(outcome.error) ? exitCodes.interrupted : exitCodes.rolledBack;
    case "held":
    case "quarantined":
      return exitCodes.held;
    case "stuck":
      return exitCodes.stuck;
    case "invalid":
      return exitCodes.invalid;
  }
}

/** The exit code of what a verb threw. */
export function exitCodeOfError(error: unknown): number {
  if (isInterrupted(error)) return exitCodes.interrupted;
  if (error instanceof ReconcilerError) return errorCatalogue[error.code].exit;
  if (error instanceof UsageError) return exitCodes.invalid;
  return exitCodes.failed;
}

/** The executor undoes an interrupted apply like any that failed, and keeps the reason as a cause. */
function isInterrupted(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (let current = error; current instanceof Error && !seen.has(current); current = current.cause) {
    if (current instanceof Interrupted) return true;
    seen.add(current);
  }
  return false;
}
