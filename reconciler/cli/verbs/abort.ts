// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { openHostToChange } from "../open-host.ts";
import { printEnd } from "../print-end.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, type HostOptions } from "../shared-options.ts";

interface AbortOptions extends HostOptions {
  readonly reason?: string;
}

export function addAbort(program: Command): void {
  const command = program.command("abort").summary("take a change back that waits to be confirmed, at once");
  command.argument("<id>", "as `sluice apply --confirm` and `sluice status` show it");
  command.description(
    "Does now what the watchdog does when nobody confirms: every hook is switched back to what ran before. What the " +
      "revision renders to is quarantined, so the agent does not try it again until git says something else.",
  );
  addJsonOption(command).option("--reason <text>", "why; kept in the history, shown by status");
  addHostOptions(command);
  addExamples(command, [['sluice abort c-7f3a09 --reason "INC-1432"', "back to what ran before"]]);
  runVerb<AbortOptions>(command, abort, "safely");
}

async function abort(cli: Cli, options: AbortOptions, [id = ""]: readonly string[]): Promise<number> {
  const { abortChange } = await import("../../confirm.ts");
  const message = options.reason ?? "Taken back by hand";
  const end = await abortChange(await openHostToChange(cli, options), id, { message, quarantine: true });
  if (cli.json) printJson(cli.terminal, { format: "1.0", kind: "confirmation", ...end });
  else cli.terminal.out(printEnd(end));
  return exitCodes.ok;
}
