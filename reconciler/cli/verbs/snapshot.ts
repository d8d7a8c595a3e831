// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { type KernelSnapshot, snapshotText, writeSnapshot } from "../json-file.ts";
import { openHostToRead } from "../open-host.ts";
import { type Cli, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, type HostOptions } from "../shared-options.ts";

interface SnapshotOptions extends HostOptions {
  readonly out?: string;
}

export function addSnapshot(program: Command): void {
  const command = program.command("snapshot").summary("export what the kernel has, to plan against elsewhere");
  command.description(
    "Writes what Sluice has in this kernel as JSON: devices, generations, contents of the maps it fills. With it " +
      "`sluice plan --snapshot FILE` plans on any machine, without root: in the CI of a policy repository, say.",
  );
  command.optionsGroup("Output:").option("--out <file>", "write to a file instead of stdout");
  addHostOptions(command);
  addExamples(command, [
    ["sluice snapshot --out edge-03.json", "here, as root"],
    ["sluice plan --snapshot edge-03.json --dir policy", "anywhere"],
  ]);
  runVerb<SnapshotOptions>(command, snapshot);
}

async function snapshot(cli: Cli, options: SnapshotOptions): Promise<number> {
  const { observeAll } = await import("../../observe-host.ts");
  const host = await openHostToRead(options);
  cli.progress.step("Reading the kernel");
  const observed = await observeAll(host);
  const taken: KernelSnapshot = { host: host.name, taken: new Date(host.now()).toISOString(), bpffs: host.layout.root, observed };
  cli.progress.done();
  if (options.out === undefined) cli.terminal.out(snapshotText(taken));
  else await writeSnapshot(options.out, taken);
  return exitCodes.ok;
}
