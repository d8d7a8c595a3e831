// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { openHostToChange } from "../open-host.ts";
import { printEnd } from "../print-end.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, type HostOptions } from "../shared-options.ts";

export function addConfirm(program: Command): void {
  const command = program.command("confirm").summary("keep a change that waits to be confirmed");
  command.argument("<id>", "as `sluice apply --confirm` and `sluice status` show it");
  command.description(
    "Keeps what was applied with --confirm, or what the agent is still watching. The watchdog is disarmed first; only " +
      "when it has said so is the change on record. Too late, it ends with 8: then the host runs what it ran before.",
  );
  addJsonOption(command);
  addHostOptions(command);
  addExamples(command, [["sluice confirm c-7f3a09", "from a new connection: an old one may live on where no new one gets through"]]);
  runVerb<HostOptions>(command, confirm, "safely");
}

async function confirm(cli: Cli, options: HostOptions, [id = ""]: readonly string[]): Promise<number> {
  const { confirmChange } = await import("../../confirm.ts");
  const end = await confirmChange(await openHostToChange(cli, options), id, "by hand");
  if (cli.json) printJson(cli.terminal, { format: "1.0", kind: "confirmation", ...end });
  else cli.terminal.out(printEnd(end));
  return exitCodes.ok;
}
