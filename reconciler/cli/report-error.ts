// SPDX-License-Identifier: Apache-2.0
import { printExcerpt } from "../6-report/print-excerpt.ts";
import { repeats } from "../6-report/repeats.ts";
import { sanitise } from "../6-report/sanitise.ts";
import { Interrupted } from "./cli-error.ts";
import { type ErrorLink, errorChain, errorChainJson, logTail } from "./error-chain.ts";
import { exitCodeOfError } from "./exit-codes.ts";
import type { Colors, Terminal } from "./terminal.ts";

export interface ReportOptions {
  /** Whole verifier logs and stacks. */
  readonly verbose: boolean;
  /** stdout promised JSON, so it gets the error as JSON too. */
  readonly json: boolean;
}

/** Tells what went wrong, once, and gives the exit code. The sentence goes to stderr, whatever the format of results is. */
export function reportError(error: unknown, terminal: Terminal, options: ReportOptions): number {
  const exit = exitCodeOfError(error);
  if (error instanceof Interrupted) {
    terminal.err(`${terminal.errorColors.yellow("Interrupted")}\n`);
    return exit;
  }
  terminal.err(printError(error, { verbose: options.verbose, colors: terminal.errorColors }));
  if (options.json) terminal.out(`${JSON.stringify(errorToJson(error, exit), null, 2)}\n`);
  return exit;
}

/** The sentence, the causes below it, the end of the verifier's log, the hint. Ends with a line break. */
export function printError(error: unknown, options: { readonly verbose: boolean; readonly colors: Colors }): string {
  const { colors, verbose } = options;
  const chain = errorChain(error);
  const told = chain.map((link) => link.message);
  const lines: string[] = [];
  chain.forEach((link, index) => {
    const lead = index === 0 ? colors.bold(colors.red("Error:")) : colors.dim("  because:");
    if (!repeats(told.slice(0, index), link.message)) lines.push(`${lead} ${indented(link.message)}`);
    if (link.source !== null) lines.push(...printExcerpt(link.source, colors));
    if (link.log !== null) lines.push(...printLog(link.log, verbose, colors));
  });
  for (const hint of new Set(chain.flatMap((link) => link.hint ?? []))) lines.push(`${colors.cyan("  hint:")} ${sanitise(hint)}`);
  lines.push(...printStack(chain, verbose, colors));
  return `${lines.join("\n")}\n`;
}

/** The same for machines; additive changes keep the format. */
export function errorToJson(error: unknown, exit: number): object {
  return { format: "1.0", kind: "error", exit, errors: errorChainJson(error) };
}

/** Messages of several lines keep them; none of them can pass for a line of ours. */
function indented(message: string): string {
  return message.split("\n").map(sanitise).join("\n    ");
}

function printLog(log: string, verbose: boolean, colors: Colors): readonly string[] {
  const { tail, omitted } = logTail(log, verbose ? Number.MAX_SAFE_INTEGER : 5);
  const lines = tail.map((line) => `    ${colors.dim("│")} ${line}`);
  return omitted > 0 && !verbose ? [...lines, colors.dim(`    (${omitted} more lines of the verifier's log: --verbose)`)] : lines;
}

/** A stack is for errors that nobody foresaw; for the others the sentence is meant to be enough. */
function printStack(chain: readonly ErrorLink[], verbose: boolean, colors: Colors): readonly string[] {
  if (verbose) return chain.flatMap((link) => (link.stack ?? "").split("\n").map((line) => colors.dim(`  ${sanitise(line)}`)));
  if (chain[0]?.code !== "unexpected") return [];
  return [colors.dim("  This was not foreseen; --verbose shows where it happened")];
}
