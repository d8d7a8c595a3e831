// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { sluiceVersion } from "../../version.ts";
import { exitCodes } from "../exit-codes.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addJsonOption } from "../shared-options.ts";

export function addVersion(program: Command): void {
  const command = program.command("version").summary("print the version").description("Prints the version of Sluice.");
  addJsonOption(command);
  addExamples(command, [["sluice version --json", "with the version of Node.js"]]);
  runVerb(command, version);
}

async function version({ terminal, json }: Cli): Promise<number> {
  if (json) printJson(terminal, { format: "1.0", kind: "version", version: sluiceVersion(), node: process.versions.node });
  else terminal.out(`sluice ${sluiceVersion()}\n`);
  return exitCodes.ok;
}
