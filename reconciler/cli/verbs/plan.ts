// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from "commander";
import type { Impact } from "../../model/impact.ts";
import { isEmpty } from "../../model/plan.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import type { Planned } from "../../reconcile.ts";
import { UsageError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { addImpactOptions, checkImpactOptions, type ImpactOptions, impactOf, isTooMuch, tooMuch } from "../impact-options.ts";
import { readSnapshot, writePlan } from "../json-file.ts";
import { openHostToRead } from "../open-host.ts";
import { readPolicy } from "../read-policy.ts";
import { reportInvalid, reportWarnings } from "../report-outcome.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import {
  addExamples,
  addHostOptions,
  addJsonOption,
  addPolicyOptions,
  type HostOptions,
  hostName,
  type PolicyOptions,
} from "../shared-options.ts";

interface PlanOptions extends HostOptions, PolicyOptions, ImpactOptions {
  readonly markdown?: boolean;
  readonly out?: string;
  readonly snapshot?: string;
  readonly detailedExitcode?: boolean;
  readonly pruneAll?: boolean;
}

export function addPlan(program: Command): void {
  const command = program.command("plan").summary("show what would change, and change nothing");
  command.description(
    "Compares the policy with the kernel and shows the smallest change that makes them equal, what packets meet " +
      "meanwhile, and why it would be refused. Writes nothing anywhere; with --snapshot it needs no root and no kernel.",
  );
  addPolicyOptions(command);
  addHostOptions(command);
  addJsonOption(command)
    .addOption(new Option("--markdown", "print Markdown for a pull request").conflicts("json"))
    .option("--out <file>", "save the plan, for `sluice apply FILE`")
    .option("--detailed-exitcode", "exit 2 when there are changes");
  command
    .optionsGroup("Planning:")
    .option("--snapshot <file>", "plan against what `sluice snapshot` wrote, not against this kernel")
    .option("--prune-all", "allow a policy that leaves no chain at all");
  addImpactOptions(command);
  addExamples(command, [
    ["sluice plan", "the policy in this folder against this kernel"],
    ["sluice plan --repo https://git.example.net/filters.git", "the newest commit of main"],
    ["sluice plan --out change.plan && sluice apply change.plan", "apply what you have read, exactly"],
    ["sluice plan --impact monday.pcap", "and which of these packets would fare otherwise"],
    ["sluice plan --snapshot edge-03.json --markdown", "in CI, without root"],
  ]);
  runVerb<PlanOptions>(command, plan);
}

async function plan(cli: Cli, options: PlanOptions): Promise<number> {
  checkImpactOptions(options);
  const policy = await readPolicy(cli, options);
  cli.progress.step("Planning");
  const planned = options.snapshot === undefined ? await planHere(options, policy) : await planElsewhere(options, options.snapshot, policy);
  cli.progress.done();
  if (planned.kind === "invalid") return reportInvalid(cli, planned.diagnostics);

  await reportWarnings(cli, planned.warnings);
  if (options.out !== undefined) await writePlan(options.out, { ...planned, snapshot: policy });
  const impact = await measure(cli, options, planned);
  await show(cli, options, planned, impact);
  if (options.snapshot === undefined) await noteUnconfirmed(cli, options);
  if (options.out !== undefined) cli.terminal.err(`Saved: sluice apply ${options.out} applies exactly this\n`);
  if (planned.plan.refusals.length > 0 || (impact !== null && isTooMuch(impact, options))) return exitCodes.refused;
  return options.detailedExitcode === true && !isEmpty(planned.plan) ? exitCodes.changes : exitCodes.ok;
}

/** What waits runs already, so the plan starts from there; whether it stays is still open. */
async function noteUnconfirmed({ terminal }: Cli, { state }: PlanOptions): Promise<void> {
  const { isConfirmed, readUnconfirmed } = await import("../../state/unconfirmed.ts");
  const waiting = await readUnconfirmed(state).catch(() => null);
  if (waiting === null || (await isConfirmed(state, waiting.confirm.id))) return;
  const { id, until } = waiting.confirm;
  terminal.err(
    `Note: ${id} waits to be confirmed until ${until}, and nothing else is applied before: sluice confirm ${id}, or sluice abort ${id}\n`,
  );
}

async function planHere(options: PlanOptions, policy: Snapshot) {
  const { planPass } = await import("../../reconcile.ts");
  return planPass(await openHostToRead(options), policy, { prune: options.pruneAll ?? false });
}

async function planElsewhere(options: PlanOptions, file: string, policy: Snapshot) {
  const [{ policyReader }, { planOffline }] = await Promise.all([import("../../host.ts"), import("../../reconcile.ts")]);
  const { host, observed, bpffs } = await readSnapshot(file);
  const exported = { observed, host: options.host === undefined ? host : hostName(options), layout: { root: bpffs } };
  return planOffline(policyReader, policy, exported, { prune: options.pruneAll ?? false });
}

async function measure(cli: Cli, options: PlanOptions, planned: Planned): Promise<Impact | null> {
  if (options.impact === undefined) return null;
  if (options.snapshot !== undefined) throw new UsageError("Cannot replay packets against a snapshot: chains run in a kernel only");
  const { openHost } = await import("../../host.ts");
  const impact = await impactOf(cli, options, openHost(options), planned);
  cli.progress.done();
  return impact;
}

async function show({ terminal, json }: Cli, options: PlanOptions, planned: Planned, impact: Impact | null): Promise<void> {
  if (json) {
    const { planToJson } = await import("../../6-report/plan-json.ts");
    printJson(terminal, { ...planToJson(planned.plan), ...(impact === null ? {} : { impact }) });
  } else if (options.markdown === true) {
    const { printPlanMarkdown } = await import("../../6-report/print-plan-markdown.ts");
    terminal.out(printPlanMarkdown(planned.plan));
  } else {
    const { printPlan } = await import("../../6-report/print-plan.ts");
    terminal.out(printPlan(planned.plan, { color: terminal.color, ...(terminal.width === null ? {} : { width: terminal.width }) }));
  }
  if (impact === null || json) return;
  const { printImpact } = await import("../../6-report/print-impact.ts");
  terminal.out(`\n${printImpact(impact, { color: terminal.color && options.markdown !== true })}`);
  if (isTooMuch(impact, options)) terminal.err(tooMuch(options, terminal.errorColors));
}
