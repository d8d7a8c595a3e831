// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from "commander";
import { hookName } from "../../model/hook.ts";
import type { RescueAction } from "../../rescue.ts";
import { ask } from "../ask.ts";
import { UsageError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addJsonOption } from "../shared-options.ts";

interface RescueOptions {
  readonly bpffs: string;
  readonly detach?: boolean;
  readonly previous?: boolean;
  readonly yes?: boolean;
}

export function addRescue(program: Command): void {
  const command = program.command("rescue").summary("when nothing else works: detach every chain, or restore the previous ones");
  command.description(
    "Works from what is pinned and nothing else: no configuration, no git, no agent, no state directory, no lock. --detach takes " +
      "every chain away, and packets go unfiltered. --previous switches every hook to the other generation that is " +
      "pinned for it. Pins stay. A running agent brings the policy back: stop it first.",
  );
  addJsonOption(command)
    .addOption(new Option("--detach", "take every chain away").conflicts("previous"))
    .option("--previous", "switch every hook to its previous generation")
    .option("-y, --yes", "do not ask")
    .option("--bpffs <directory>", "directory of the pins", "/sys/fs/bpf/sluice");
  addExamples(command, [
    ["sluice rescue", "what could be done, without doing it"],
    ["sluice rescue --previous", "what ran before runs again"],
    ["sluice rescue --detach --yes", "no filters, now"],
  ]);
  runVerb<RescueOptions>(command, rescue, "safely");
}

async function rescue(cli: Cli, options: RescueOptions): Promise<number> {
  const [{ openLibbpfKernel }, { planRescue, performRescue }] = await Promise.all([
    import("../../../bpf/kernel/libbpf-kernel.ts"),
    import("../../rescue.ts"),
  ]);
  const kernel = openLibbpfKernel();
  const layout = { root: options.bpffs };
  const how = options.detach === true ? "detach" : "previous";
  const actions = await planRescue(kernel, layout, how);
  if (!cli.json) cli.terminal.err(actions.map(preview).join("") || `Nothing of Sluice is attached below ${options.bpffs}\n`);
  if (!cli.json && actions.length === 0) return exitCodes.ok;
  if (options.detach !== true && options.previous !== true) {
    if (cli.json) printJson(cli.terminal, { format: "1.0", kind: "rescue", done: false, hooks: actions.map(toJson) });
    else cli.terminal.out("Nothing was changed: say --previous to do this, or --detach to take every chain away\n");
    return exitCodes.ok;
  }
  if (options.yes !== true && !cli.terminal.interactive)
    throw new UsageError("Cannot ask for approval: this is no terminal", "Give --yes to go on without asking");
  if (options.yes !== true && !(await ask(cli.terminal, "Do this now?", cli.signal))) {
    cli.terminal.out("Nothing was changed\n");
    return exitCodes.refused;
  }
  const failures = await performRescue(kernel, actions);
  if (cli.json) printJson(cli.terminal, { format: "1.0", kind: "rescue", done: true, hooks: actions.map(toJson), failures });
  else {
    const done = actions.filter(({ kind }) => kind !== "left").length - failures.length;
    cli.terminal.out(`Rescued: ${done} of ${actions.length} chains ${how === "detach" ? "detached" : "switched back"}\n`);
    if (done > 0) cli.terminal.out(`${after}\n`);
    for (const { hook, reason } of failures) cli.terminal.err(`Error: ${hook}: ${reason}\n`);
  }
  return failures.length === 0 ? exitCodes.ok : exitCodes.stuck;
}

const after = "It stays so until sluice apply, or a running agent, brings the policy back: to stay here, systemctl stop sluice";

function preview(action: RescueAction): string {
  const name = hookName(action.hook);
  switch (action.kind) {
    case "detach":
      return `  ${name}   detach: packets go unfiltered\n`;
    case "switch":
      return `  ${name}   generation ${action.from ?? "of somebody else"} → ${action.to}\n`;
    case "left":
      return `  ${name}   stays: ${action.reason}\n`;
  }
}

function toJson(action: RescueAction): object {
  return { ...action, hook: hookName(action.hook) };
}
