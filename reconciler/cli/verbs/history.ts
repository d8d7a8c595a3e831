// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { readHistory } from "../../state/history.ts";
import { exitCodes } from "../exit-codes.ts";
import { historyToJson, printHistory } from "../print-history.ts";
import { readState } from "../read-state.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, type HostOptions, hostName, positiveNumber } from "../shared-options.ts";

interface HistoryOptions extends HostOptions {
  readonly limit: number;
}

export function addHistory(program: Command): void {
  const command = program.command("history").summary("who changed what, when, and how it ended");
  command.description("Lists what was applied, refused and rolled back on this host, newest first. Needs no kernel.");
  addJsonOption(command).option("--limit <number>", "how many to show", positiveNumber, 20);
  addHostOptions(command);
  addExamples(command, [
    ["sluice history", "the newest twenty"],
    ["sluice history --limit 1 --json", "how the last one ended, for a script"],
  ]);
  runVerb<HistoryOptions>(command, history);
}

async function history({ terminal, json }: Cli, options: HistoryOptions): Promise<number> {
  const entries = await readState(options.state, (directory) => readHistory(directory, options.limit));
  if (json) printJson(terminal, historyToJson(hostName(options), entries));
  else terminal.out(printHistory(entries, terminal));
  return exitCodes.ok;
}
