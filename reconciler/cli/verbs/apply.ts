// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { Host } from "../../host.ts";
import type { ConfirmRequest } from "../../keep-for-confirmation.ts";
import type { Outcome } from "../../model/outcome.ts";
import type { Planned } from "../../reconcile.ts";
import { ReconcilerError } from "../../reconciler-error.ts";
import { ask } from "../ask.ts";
import { UsageError } from "../cli-error.ts";
import { addImpactOptions, checkImpactOptions, type ImpactOptions, impactOf, isTooMuch, tooMuch } from "../impact-options.ts";
import { readPlan } from "../json-file.ts";
import { openHostToChange } from "../open-host.ts";
import { passProgress } from "../pass-progress.ts";
import { readPolicy } from "../read-policy.ts";
import { reportOutcome, reportWarnings } from "../report-outcome.ts";
import { type Cli, runVerb } from "../run-verb.ts";
import {
  addExamples,
  addHostOptions,
  addJsonOption,
  addLogOptions,
  addPolicyOptions,
  type HostOptions,
  type LogOptions,
  type PolicyOptions,
} from "../shared-options.ts";

interface ApplyOptions extends HostOptions, PolicyOptions, LogOptions, ImpactOptions {
  readonly yes?: boolean;
  readonly pruneAll?: boolean;
  readonly confirm?: string;
  readonly wait?: boolean;
}

export function addApply(program: Command): void {
  const command = program.command("apply").summary("make the kernel equal to the policy, or leave it as it was");
  command.argument("[plan]", "a plan that `sluice plan --out` saved: applied exactly, refused when the host has changed since");
  command.description(
    "Plans, shows the plan, asks, then applies: everything is loaded and verified first, each hook is switched at once, " +
      "the result is read back and compared. On any failure every hook is as it was before.",
  );
  addPolicyOptions(command);
  addHostOptions(command);
  addJsonOption(command);
  addLogOptions(command);
  command
    .optionsGroup("Applying:")
    .option("-y, --yes", "do not ask")
    .option("--prune-all", "allow a policy that leaves no chain at all")
    .option("--confirm <duration>", "take it back after this time (60s, 5m) unless `sluice confirm` is said before")
    .option("--wait", "with --confirm: wait until it is confirmed (exit 0) or taken back (exit 8)");
  addImpactOptions(command);
  addExamples(command, [
    ["sluice apply", "the policy in this folder, after asking"],
    ["sluice apply --repo /srv/git/filters.git --tag v1.4 --yes", "a release, from a script"],
    ["sluice apply --impact live:10s --max-impact 0.1 --yes", "unless more than one packet of a thousand would fare otherwise"],
    ["sluice apply change.plan", "a saved plan, and nothing else"],
    ["sluice apply --confirm 60s", "come back by itself, should it cut you off"],
  ]);
  runVerb<ApplyOptions>(command, apply, "safely");
}

async function apply(cli: Cli, options: ApplyOptions, [file]: readonly string[]): Promise<number> {
  checkImpactOptions(options);
  if (options.yes !== true && !cli.terminal.interactive) {
    throw new UsageError("Cannot ask for approval: this is no terminal", "Give --yes to apply without asking");
  }
  if (file !== undefined) refusePolicyOptions(options);
  const host = await openHostToChange(cli, options);
  const approve = async (planned: Planned): Promise<boolean> => {
    cli.progress.done();
    await reportWarnings(cli, planned.warnings);
    await showPlan(cli, planned);
    if (!(await impactIsAllowed(cli, options, host, planned))) return false;
    return options.yes === true || ask(cli.terminal, `Apply this to ${planned.plan.host}?`, cli.signal);
  };
  const confirm = await confirmOption(options);
  const pass = { prune: options.pruneAll ?? false, trigger: "command", approve, progress: passProgress(cli, options), ...confirm };

  const { applySaved, runPass } = await import("../../reconcile.ts");
  if (file !== undefined) {
    const saved = await readPlan(file);
    return ended(cli, options, await applySaved(host, saved, pass));
  }
  const policy = await readPolicy(cli, options).catch((error: unknown) => {
    throw asBefore(error);
  });
  cli.progress.step("Planning");
  return ended(cli, options, await runPass(host, policy, pass));
}

/** Whoever reads why the repository does not answer wants to know first whether anything was changed. */
function asBefore(error: unknown): unknown {
  if (!(error instanceof ReconcilerError)) return error;
  return new ReconcilerError(error.code, "Nothing was applied: the host is as it was", { cause: error });
}

async function ended(cli: Cli, options: ApplyOptions, outcome: Outcome): Promise<number> {
  const exit = await reportOutcome(cli, outcome);
  if (outcome.kind !== "unconfirmed" || options.wait !== true) return exit;
  const { waitForEnd } = await import("../wait-for-end.ts");
  return waitForEnd(cli, options.state, outcome);
}

/** We are gone once it is applied, so the watchdog goes by its deadline alone. */
async function confirmOption({ confirm, wait }: ApplyOptions): Promise<{ confirm?: ConfirmRequest }> {
  if (confirm === undefined) {
    if (wait === true) throw new UsageError("Cannot wait: --wait is for --confirm", "Give --confirm 60s as well");
    return {};
  }
  const [{ parseDuration }, { armWatchdog }] = await Promise.all([import("../../agent/duration.ts"), import("../../watchdog/arm.ts")]);
  const timeout = parseDuration(confirm);
  if (timeout === null || timeout < 1_000 || timeout > 86_400_000)
    throw new UsageError(`Cannot use --confirm "${confirm}": expected a number and a unit from 1s to 24h`);
  return { confirm: { timeout, owner: "person", heartbeat: 15_000, arm: armWatchdog } };
}

/** On stderr: stdout is for the result. */
async function showPlan({ terminal }: Cli, { plan }: Planned): Promise<void> {
  const { printPlan } = await import("../../6-report/print-plan.ts");
  const width = terminal.width === null ? {} : { width: terminal.width };
  terminal.err(printPlan(plan, { color: terminal.errorColors.isColorSupported, ...width }));
}

async function impactIsAllowed(cli: Cli, options: ApplyOptions, host: Host, planned: Planned): Promise<boolean> {
  const impact = await impactOf(cli, options, host, planned);
  cli.progress.done();
  if (impact === null) return true;
  const { terminal } = cli;
  const { printImpact } = await import("../../6-report/print-impact.ts");
  terminal.err(`\n${printImpact(impact, { color: terminal.errorColors.isColorSupported })}`);
  if (!isTooMuch(impact, options)) return true;
  terminal.err(tooMuch(options, terminal.errorColors));
  return false;
}

function refusePolicyOptions({ dir, repo, branch, tag, commit, path }: PolicyOptions): void {
  if ([dir, repo, branch, tag, commit, path].every((option) => option === undefined)) return;
  throw new UsageError("Cannot combine a saved plan with a policy: the plan already says what to apply", "Leave one of them out");
}
