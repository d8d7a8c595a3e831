// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { Observed } from "../../model/observed.ts";
import type { Planned } from "../../reconcile.ts";
import { exitCodes } from "../exit-codes.ts";
import { readPolicy } from "../read-policy.ts";
import { reportInvalid, reportWarnings } from "../report-outcome.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostName, addJsonOption, addPolicyOptions, hostName, type PolicyOptions } from "../shared-options.ts";
import { count } from "../table.ts";

interface ValidateOptions extends PolicyOptions {
  readonly host?: string;
}

export function addValidate(program: Command): void {
  const command = program.command("validate").summary("check a policy, without kernel and without root");
  command.description(
    "Reads every file of the policy, for this host and for all others, and tells everything that is wrong with it at " +
      "once: file, line, column, what was expected. Objects are opened and values typed, but nothing is loaded.",
  );
  addPolicyOptions(command);
  addHostName(command);
  addJsonOption(command);
  addExamples(command, [
    ["sluice validate", "the policy in this folder"],
    ["sluice validate --dir policy --json", "for an editor or a CI job"],
  ]);
  runVerb<ValidateOptions>(command, validate);
}

async function validate(cli: Cli, options: ValidateOptions): Promise<number> {
  const policy = await readPolicy(cli, options);
  cli.progress.step("Checking");
  const [{ policyReader }, { planOffline }] = await Promise.all([import("../../host.ts"), import("../../reconcile.ts")]);
  const host = hostName(options);
  const exported = { observed: nothing, host, layout: { root: "/sys/fs/bpf/sluice" } };
  const planned = planOffline(policyReader, policy, exported, { prune: true });
  cli.progress.done();
  if (planned.kind === "invalid") return reportInvalid(cli, planned.diagnostics);
  await reportValid(cli, planned, host);
  return exitCodes.ok;
}

/** A host that has nothing yet: any policy can be rendered against it. */
const nothing: Observed = { devices: [], hooks: [], unknown: [], applied: null };

async function reportValid(cli: Cli, { desired, warnings }: Planned, host: string): Promise<void> {
  const { terminal, json } = cli;
  const steps = desired.hooks.reduce((total, hook) => total + hook.chain.length, 0);
  if (json) {
    const { diagnosticsToJson } = await import("../../6-report/print-diagnostics.ts");
    printJson(terminal, { ...diagnosticsToJson(warnings), valid: true, host, digest: desired.digest, chains: desired.hooks.length, steps });
    return;
  }
  await reportWarnings(cli, warnings);
  const applies =
    desired.hooks.length === 0
      ? `has nothing for host ${host}`
      : `${count(desired.hooks.length, "chain")} with ${count(steps, "step")} for host ${host}`;
  terminal.out(`Valid: ${desired.revision.name} ${applies}\n`);
}
