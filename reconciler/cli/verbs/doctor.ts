// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { doctorToJson, printDoctor, works } from "../print-doctor.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, type HostOptions, hostName } from "../shared-options.ts";

export function addDoctor(program: Command): void {
  const command = program.command("doctor").summary("what Sluice needs on this machine, what is missing, what to type");
  command.description(
    "Tries what Sluice does, and leaves no trace: kernel, libbpf, privileges, XDP, tcx, bpffs, git, state directory, " +
      "agent. Ends with 1 when something is missing that Sluice cannot do without.",
  );
  addJsonOption(command);
  addHostOptions(command);
  addExamples(command, [
    ["sluice doctor", "a table, and what to do"],
    ["sluice doctor --json | jq '.checks[] | select(.status != \"ok\")'", "what is not right"],
  ]);
  runVerb<HostOptions>(command, doctor);
}

async function doctor({ terminal, json, progress }: Cli, options: HostOptions): Promise<number> {
  progress.step("Trying what Sluice needs");
  const [{ probeMachine }, { buildChecks }] = await Promise.all([import("../probe-machine.ts"), import("../build-checks.ts")]);
  const checks = buildChecks(await probeMachine(options));
  progress.done();
  if (json) printJson(terminal, doctorToJson(hostName(options), checks));
  else terminal.out(printDoctor(checks, terminal));
  return works(checks) ? exitCodes.ok : exitCodes.failed;
}
