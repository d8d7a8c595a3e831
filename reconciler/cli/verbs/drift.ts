// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { askAgent } from "../agent-client.ts";
import { exitCodes } from "../exit-codes.ts";
import { openHostToChange, openHostToRead } from "../open-host.ts";
import { passProgress } from "../pass-progress.ts";
import { type DriftFacts, driftToJson, printDrift } from "../print-drift.ts";
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
      "fills. Counters and the programs' own state are no drift, nor are programs that others attached beside ours. Since when " +
      "something differs, how often it did and which process did it is told where an agent runs.",
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
  const agent = await askAgent(host.state);
  cli.progress.done();
  if (found.kind === "invalid") return reportInvalid(cli, found.diagnostics);
  const facts = { host: host.name, found, agent };
  if (options.heal !== true || !hasDrift(found)) return report(cli, options, facts, host.now());

  cli.terminal.err(printDrift(facts, { ...cli.terminal, colors: cli.terminal.errorColors, now: host.now() }));
  const outcome = await heal(host, { modes: ["alert", "heal"], progress: passProgress(cli, options) });
  cli.progress.done();
  return outcome === null ? report(cli, options, { ...facts, found: { kind: "none-applied" } }, host.now()) : reportOutcome(cli, outcome);
}

function report({ terminal, json }: Cli, options: DriftOptions, facts: DriftFacts, now: number): number {
  if (json) printJson(terminal, driftToJson(facts));
  else terminal.out(printDrift(facts, { ...terminal, now }));
  return options.detailedExitcode === true && hasDrift(facts.found) ? exitCodes.changes : exitCodes.ok;
}

function hasDrift(found: DriftFacts["found"]): boolean {
  return found.kind === "checked" && found.report.findings.some((finding) => finding.mode !== "ignore");
}
