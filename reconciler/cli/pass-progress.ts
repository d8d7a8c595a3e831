// SPDX-License-Identifier: Apache-2.0
import { sanitise } from "../6-report/sanitise.ts";
import type { Cli } from "./run-verb.ts";

/** One operation about to be performed. */
export interface OperationEvent {
  readonly phase: "prepare" | "commit" | "undo" | "cleanup";
  readonly number: number;
  readonly of: number;
  readonly text: string;
}

/** How a pass tells what it is at: a progress line, or with `--log-format json` a line of JSON for every operation, on stderr. */
export function passProgress(cli: Cli, options: { readonly logFormat?: "pretty" | "json" }): (event: OperationEvent) => void {
  if (options.logFormat === "json") {
    return (event) => cli.terminal.err(`${JSON.stringify({ time: new Date().toISOString(), msg: "operation", ...event })}\n`);
  }
  if (cli.verbose) return (event) => cli.terminal.err(`${describe(event)}\n`);
  return (event) => cli.progress.step(describe(event));
}

function describe({ phase, number, of, text }: OperationEvent): string {
  return `${phase} ${number} of ${of}: ${sanitise(text)}`;
}
