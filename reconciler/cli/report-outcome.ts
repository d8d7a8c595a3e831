// SPDX-License-Identifier: Apache-2.0
import type { Diagnostic } from "../model/diagnostic.ts";
import type { Outcome } from "../model/outcome.ts";
import { errorChainJson } from "./error-chain.ts";
import { exitCodeOfOutcome, exitCodes } from "./exit-codes.ts";
import { printError } from "./report-error.ts";
import { type Cli, printJson } from "./run-verb.ts";

/** Prints how a pass ended and gives the exit code: what was reached on stdout, what went wrong on stderr. */
export async function reportOutcome(cli: Cli, outcome: Outcome): Promise<number> {
  if (outcome.kind === "invalid") {
    const exit = await reportInvalid(cli, outcome.diagnostics);
    cli.terminal.err("Nothing was applied: the host is as it was\n");
    return exit;
  }
  const { terminal, json, verbose } = cli;
  const { printOutcome } = await import("../6-report/print-outcome.ts");
  const exit = exitCodeOfOutcome(outcome);
  const sentence = printOutcome(outcome, { color: terminal.color });
  if (json) printJson(terminal, outcomeToJson(outcome, exit));
  else if (exit === exitCodes.ok) terminal.out(sentence);
  else terminal.err(sentence);
  if (verbose && (outcome.kind === "rolled-back" || outcome.kind === "stuck")) {
    terminal.err(printError(outcome.error, { verbose, colors: terminal.errorColors }));
  }
  return exit;
}

/** Prints what is wrong with a policy, all of it. */
export async function reportInvalid({ terminal, json }: Cli, diagnostics: readonly Diagnostic[]): Promise<number> {
  const { diagnosticsToJson, printDiagnostics } = await import("../6-report/print-diagnostics.ts");
  terminal.err(printDiagnostics(diagnostics, { color: terminal.errorColors.isColorSupported }));
  if (json) printJson(terminal, diagnosticsToJson(diagnostics));
  return exitCodes.invalid;
}

/** Prints what is odd about a policy that can be used all the same. */
export async function reportWarnings({ terminal }: Cli, warnings: readonly Diagnostic[]): Promise<void> {
  if (warnings.length === 0) return;
  const { printDiagnostics } = await import("../6-report/print-diagnostics.ts");
  terminal.err(printDiagnostics(warnings, { color: terminal.errorColors.isColorSupported }));
}

function outcomeToJson(outcome: Exclude<Outcome, { kind: "invalid" }>, exit: number): object {
  if (outcome.kind === "quarantined") {
    const { since, revision, reason } = outcome;
    return { format: "1.0", kind: "outcome", result: "quarantined", exit, since, revision, reason };
  }
  if (outcome.kind === "held") {
    return { format: "1.0", kind: "outcome", result: "held", exit, since: outcome.since, revision: outcome.revision };
  }
  const { plan } = outcome;
  const hooks = plan.hooks.map(({ hook, action, from, to }) => ({ hook, action, from, to }));
  const base = { format: "1.0", kind: "outcome", result: outcome.kind, exit, host: plan.host, revision: plan.revision, hooks };
  switch (outcome.kind) {
    case "applied":
      return { ...base, milliseconds: outcome.milliseconds, leftovers: outcome.leftovers, notes: outcome.notes };
    case "unconfirmed": {
      const { milliseconds, id, until, notes } = outcome;
      return { ...base, milliseconds, id, until, notes };
    }
    case "refused":
      return { ...base, refusals: plan.refusals };
    case "rolled-back":
      return { ...base, during: outcome.during, errors: errorChainJson(outcome.error) };
    case "stuck":
      return { ...base, errors: errorChainJson(outcome.error), undoErrors: outcome.undoErrors.flatMap(errorChainJson) };
    case "unchanged":
    case "declined":
      return base;
  }
}
