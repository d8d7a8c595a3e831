// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { actAs, type Owner, ownerToActAs } from "./act-as-owner.ts";
import { type InterruptMode, watchInterrupts } from "./interrupts.ts";
import { openProgress, type Progress } from "./progress.ts";
import { reportError } from "./report-error.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** What every verb gets. */
export interface Cli {
  readonly terminal: Terminal;
  readonly progress: Progress;
  readonly verbose: boolean;
  readonly json: boolean;
  /** Raised by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Does what the verb promises and gives the exit code. What it throws is reported once, by runVerb. */
export type Verb<Options> = (cli: Cli, options: Options, operands: readonly string[]) => Promise<number>;

interface CommonOptions {
  readonly color: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
  readonly state?: string;
}

/** Makes `verb` what a command does; the process ends with the verb's exit code, or with the one of its error. */
export function runVerb<Options extends object>(command: Command, verb: Verb<Options>, interrupts: InterruptMode = "at-once"): Command {
  return command.action(async () => {
    const options = command.optsWithGlobals<Options & CommonOptions>();
    const terminal = openTerminal(process, options.color);
    const owner = options.state === undefined || command.name() === "doctor" ? null : ownerToActAs(options.state);
    if (owner !== null) return becomeOwner(owner, terminal, options);
    const progress = openProgress(terminal);
    const watch = watchInterrupts(interrupts, terminal, () => progress.done());
    const { verbose = false, json = false } = options;
    try {
      process.exitCode = await verb({ terminal, progress, verbose, json, signal: watch.signal }, options, command.args);
    } catch (error) {
      progress.done();
      process.exitCode = reportError(error, terminal, { verbose, json });
    } finally {
      progress.done();
      watch.close();
    }
    // The verifier may still walk on a thread of the pool: it ends with the process, but the process would wait for it.
    if (watch.signal.aborted) await leave();
  });
}

async function becomeOwner(owner: Owner, terminal: Terminal, { verbose = false, json = false }: CommonOptions): Promise<void> {
  try {
    process.exitCode = await actAs(owner);
  } catch (error) {
    process.exitCode = reportError(error, terminal, { verbose, json });
  }
}

/** Ends the process once everything is written. */
async function leave(): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write("", resolve));
  process.exit();
}

/** Prints a value as the JSON that `--json` promises: 64-bit counts are strings. */
export function printJson(terminal: Terminal, value: object): void {
  terminal.out(`${JSON.stringify(value, (_, field: unknown) => (typeof field === "bigint" ? field.toString() : field), 2)}\n`);
}
