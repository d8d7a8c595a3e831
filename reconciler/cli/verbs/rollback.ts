// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import { sanitise } from "../../6-report/sanitise.ts";
import type { Operation } from "../../model/operation.ts";
import { printOperation } from "../../model/print-operation.ts";
import type { Planned } from "../../reconcile.ts";
import type { RolledBackTo } from "../../rollback.ts";
import { ask } from "../ask.ts";
import { UsageError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { openHostToChange } from "../open-host.ts";
import { passProgress } from "../pass-progress.ts";
import { printDuration } from "../print-time.ts";
import { reportOutcome } from "../report-outcome.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, addLogOptions, type HostOptions, type LogOptions } from "../shared-options.ts";
import { shortRevision } from "../short-revision.ts";

interface RollbackOptions extends HostOptions, LogOptions {
  readonly yes?: boolean;
  readonly reason?: string;
  readonly to?: string;
}

export function addRollback(program: Command): void {
  const command = program.command("rollback").summary("go back to what ran before the last apply, at once");
  command.description(
    "Undoes the last apply: every hook is switched back to its previous generation, which is still loaded, and keys " +
      "written in place get their old values. Needs no git and no compiler. The host stays there until git renders to " +
      "something else, or until `sluice apply`. A second rollback undoes the first.",
  );
  addJsonOption(command);
  command
    .optionsGroup("Rolling back:")
    .option("-y, --yes", "do not ask")
    .option("--to <revision>", "one of the last five confirmed policies, by its commit or name: applied from this host's own copy")
    .option("--reason <text>", "why; kept in the history, shown by status");
  addHostOptions(command);
  addLogOptions(command);
  addExamples(command, [
    ["sluice rollback", "after asking"],
    ["sluice rollback --to 7c1e4f2a", "to a policy that was confirmed before"],
    ['sluice rollback --yes --reason "INC-1432"', "from a script"],
  ]);
  runVerb<RollbackOptions>(command, rollback, "safely");
}

async function rollback(cli: Cli, options: RollbackOptions): Promise<number> {
  if (options.yes !== true && !cli.terminal.interactive) {
    throw new UsageError("Cannot ask for approval: this is no terminal", "Give --yes to roll back without asking");
  }
  if (options.to !== undefined) return rollbackToRevision(cli, options, options.to);
  const approve = async (operations: readonly Operation[], undone: string): Promise<boolean> => {
    cli.progress.done();
    cli.terminal.err(preview(operations, undone));
    return options.yes === true || ask(cli.terminal, "Roll back?", cli.signal);
  };
  const { rollback: rollBack } = await import("../../rollback.ts");
  const host = await openHostToChange(cli, options);
  const result = await rollBack(host, { reason: options.reason ?? null, approve, progress: passProgress(cli, options) });
  cli.progress.done();

  if (cli.json) printJson(cli.terminal, { format: "1.0", kind: "rollback", host: host.name, result });
  else cli.terminal.out(result === null ? "Nothing was changed\n" : report(result));
  return result === null ? exitCodes.refused : exitCodes.ok;
}

async function rollbackToRevision(cli: Cli, options: RollbackOptions, revision: string): Promise<number> {
  const approve = async ({ plan }: Planned): Promise<boolean> => {
    cli.progress.done();
    const { printPlan } = await import("../../6-report/print-plan.ts");
    cli.terminal.err(printPlan(plan, { color: cli.terminal.errorColors.isColorSupported }));
    return options.yes === true || ask(cli.terminal, "Roll back to this?", cli.signal);
  };
  const { rollbackTo } = await import("../../rollback-to.ts");
  const host = await openHostToChange(cli, options);
  const outcome = await rollbackTo(host, revision, { reason: options.reason ?? null, approve, progress: passProgress(cli, options) });
  const exit = await reportOutcome(cli, outcome);
  if (outcome.kind === "applied" && !cli.json) cli.terminal.out("Held until git says something else than it does now\n");
  return exit;
}

function preview(operations: readonly Operation[], undone: string): string {
  const lines = operations.map((operation) => `  ${sanitise(printOperation(operation))}\n`);
  return `This undoes ${shortRevision(undone)}:\n${lines.join("")}`;
}

function report({ undone, revision, hooks, milliseconds, notes }: RolledBackTo): string {
  const now = revision === null ? "nothing of Sluice runs now" : `${shortRevision(revision)} runs again`;
  const chains = hooks.length === 1 ? "1 chain" : `${hooks.length} chains`;
  const what = hooks.length === 0 ? "the keys have their old values" : `${chains} switched`;
  return (
    `Rolled back: ${now}, ${what}, in ${printDuration(milliseconds)}\n` +
    `Held until git says something else than ${shortRevision(undone)}: revert it there to make this permanent\n` +
    notes.map((note) => `Note: ${sanitise(note)}\n`).join("")
  );
}
