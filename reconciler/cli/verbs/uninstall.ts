// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { sanitise } from "../../6-report/sanitise.ts";
import { hookName } from "../../model/hook.ts";
import type { Observed } from "../../model/observed.ts";
import type { Uninstalled } from "../../uninstall.ts";
import { ask } from "../ask.ts";
import { UsageError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { openHostToChange } from "../open-host.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, type HostOptions } from "../shared-options.ts";
import { count } from "../table.ts";

interface UninstallOptions extends HostOptions {
  readonly yes?: boolean;
}

export function addUninstall(program: Command): void {
  const command = program.command("uninstall").summary("detach every chain and remove all that Sluice pinned");
  command.description(
    "The only thing that takes filters away: stopping the agent does not. Detaches every chain of Sluice, removes its " +
      "pins, and what would bring them back. What others attached stays; so does the history in the state directory.",
  );
  addJsonOption(command);
  command.optionsGroup("Removing:").option("-y, --yes", "do not ask");
  addHostOptions(command);
  addExamples(command, [["systemctl disable --now sluice && sluice uninstall", "stop following git first, or the agent attaches again"]]);
  runVerb<UninstallOptions>(command, remove, "safely");
}

async function remove(cli: Cli, options: UninstallOptions): Promise<number> {
  if (options.yes !== true && !cli.terminal.interactive) {
    throw new UsageError("Cannot ask for approval: this is no terminal", "Give --yes to uninstall without asking");
  }
  const [{ observePins }, { uninstall }] = await Promise.all([import("../../observe-host.ts"), import("../../uninstall.ts")]);
  const host = await openHostToChange(cli, options);
  cli.terminal.err(preview(await observePins(host)));
  if (options.yes !== true && !(await ask(cli.terminal, `Remove all of this from ${host.name}?`, cli.signal))) {
    cli.terminal.out("Nothing was changed\n");
    return exitCodes.refused;
  }
  const removed = await uninstall(host);
  if (cli.json) printJson(cli.terminal, { format: "1.0", kind: "uninstall", host: host.name, ...removed });
  else cli.terminal.out(report(removed));
  return exitCodes.ok;
}

function preview({ hooks, unknown }: Observed): string {
  const ours = hooks.filter((hook) => hook.link !== null || hook.generations.length > 0 || hook.maps.length > 0);
  if (ours.length === 0) return "Nothing of Sluice is pinned here\n";
  const lines = ours.map(({ hook, link, generations, maps }) => {
    const runs = link === null ? "not attached" : "attached: packets go unfiltered once it is gone";
    return `  ${sanitise(hookName(hook))}   ${runs}; ${count(generations.length, "generation")} and ${count(maps.length, "map")} with what they hold\n`;
  });
  const left = unknown.length === 0 ? "" : `Not of Sluice, stays: ${unknown.map(sanitise).join(", ")}\n`;
  return `This goes:\n${lines.join("")}${left}`;
}

function report({ hooks, pins, left }: Uninstalled): string {
  const stays = left.length === 0 ? "" : `Left alone: ${left.map(sanitise).join(", ")}\n`;
  return `Uninstalled: ${count(hooks.length, "chain")} detached, ${count(pins.length, "pin")} removed\n${stays}`;
}
