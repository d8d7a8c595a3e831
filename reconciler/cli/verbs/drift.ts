// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { DriftResult } from "../../drift.ts";
import type { Host } from "../../host.ts";
import { exitCodes } from "../exit-codes.ts";
import { openHostToChange, openHostToRead } from "../open-host.ts";
import { passProgress } from "../pass-progress.ts";
import { driftToJson, printDrift } from "../print-drift.ts";
import { reportInvalid, reportOutcome } from "../report-outcome.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, addLogOptions, type HostOptions, type LogOptions } from "../shared-options.ts";

interface DriftOptions extends HostOptions, LogOptions {
  readonly heal?: boolean;
  readonly detailedExitcode?: boolean;
}

export function addDrift(program: Command): void {
  const command = program.command("drift").summary("what somebody else changed since the last apply");
  command.description(
    "Compares the kernel with the policy that was applied last: links, programs and the contents of maps that Sluice " +
      "fills. Counters and the programs' own state are no drift, nor are programs that others attached beside ours.",
  );
  addJsonOption(command).option("--detailed-exitcode", "exit 2 when there is drift");
  command.optionsGroup("Repairing:").option("--heal", "bring the kernel back to what was applied");
  addHostOptions(command);
  addLogOptions(command);
  addExamples(command, [
    ["sluice drift --detailed-exitcode", "for monitoring: 0 none, 2 drift"],
    ["sluice drift --heal", "repair it"],
  ]);
  runVerb<DriftOptions>(command, drift, "safely");
}

async function drift(cli: Cli, options: DriftOptions): Promise<number> {
  const { driftPass, heal } = await import("../../drift.ts");
  const host = options.heal === true ? await openHostToChange(cli, options) : await openHostToRead(options);
  cli.progress.step("Comparing the kernel with what was applied");
  const found = await driftPass(host);
  cli.progress.done();
  if (found.kind === "invalid") return reportInvalid(cli, found.diagnostics);
  if (options.heal !== true || !hasDrift(found)) return report(cli, options, host, found);

  cli.terminal.err(printDrift(host.name, found, { ...cli.terminal, colors: cli.terminal.errorColors }));
  const outcome = await heal(host, { modes: ["alert", "heal"], progress: passProgress(cli, options) });
  cli.progress.done();
  return outcome === null ? report(cli, options, host, { kind: "none-applied" }) : reportOutcome(cli, outcome);
}

function report({ terminal, json }: Cli, options: DriftOptions, host: Host, found: Found): number {
  if (json) printJson(terminal, driftToJson(host.name, found));
  else terminal.out(printDrift(host.name, found, terminal));
  return options.detailedExitcode === true && hasDrift(found) ? exitCodes.changes : exitCodes.ok;
}

type Found = Exclude<DriftResult, { kind: "invalid" }>;

function hasDrift(found: Found): boolean {
  return found.kind === "checked" && found.report.findings.some((finding) => finding.mode !== "ignore");
}
