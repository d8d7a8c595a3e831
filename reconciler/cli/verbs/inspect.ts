// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { hookName } from "../../model/hook.ts";
import type { ObservedHook } from "../../model/observed.ts";
import { UsageError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { openHostToRead } from "../open-host.ts";
import { printInspect } from "../print-inspect.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, type HostOptions } from "../shared-options.ts";
import { didYouMean } from "../suggest.ts";

export function addInspect(program: Command): void {
  const command = program.command("inspect").summary("show a chain as it runs: steps, counters, ids for bpftool");
  command.argument("[hooks...]", "hooks like eth0/xdp, or interfaces like eth0 (default: all)");
  command.description(
    "Shows what runs at a hook, read from the kernel: every step with how it was linked and why, the packets it has " +
      "counted per verdict over all CPUs, and the ids and pins under which bpftool finds program, link and maps.",
  );
  addJsonOption(command);
  addHostOptions(command);
  addExamples(command, [
    ["sluice inspect eth0/xdp", "one chain"],
    ["sluice inspect --json | jq '.hooks[].steps[] | {name, counts}'", "all counters"],
  ]);
  runVerb<HostOptions>(command, inspect);
}

async function inspect({ terminal, json, progress }: Cli, options: HostOptions, wanted: readonly string[]): Promise<number> {
  const { inspectHost, observePins } = await import("../../inspect.ts");
  const host = await openHostToRead(options);
  progress.step("Reading the kernel");
  const observed = await observePins(host);
  const hooks = choose(observed.hooks, wanted);
  const inspected = await inspectHost(host, hooks);
  progress.done();

  if (json) printJson(terminal, { format: "1.0", kind: "inspect", host: host.name, hooks: inspected });
  else if (inspected.length === 0) terminal.out("Sluice runs nothing on this host\n");
  else terminal.out(printInspect(inspected, terminal));
  return exitCodes.ok;
}

/** Hooks by name, or all hooks of an interface by its name. */
function choose(hooks: readonly ObservedHook[], wanted: readonly string[]): readonly ObservedHook[] {
  if (wanted.length === 0) return hooks;
  return wanted.flatMap((name) => {
    const found = hooks.filter(({ hook }) => hookName(hook) === name || hook.interface === name);
    if (found.length > 0) return found;
    const known = hooks.map(({ hook }) => hookName(hook));
    throw new UsageError(
      `Cannot inspect "${name}": Sluice has nothing there`,
      didYouMean(name, known) ?? (known.length === 0 ? "It has nothing on this host yet" : `It has ${known.join(", ")}`),
    );
  });
}
