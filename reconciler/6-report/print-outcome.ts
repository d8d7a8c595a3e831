// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { hookName } from "../model/hook.ts";
import type { AppliedPlan, Held, Outcome, Quarantined, Refused, RolledBack, Stuck, Unchanged, Unconfirmed } from "../model/outcome.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { printDiagnostics } from "./print-diagnostics.ts";
import { printExcerpt } from "./print-excerpt.ts";
import { shortName } from "./print-plan.ts";
import { repeats } from "./repeats.ts";
import { sanitise } from "./sanitise.ts";
import { plural, printSummary, summarisePlan } from "./summarise-plan.ts";
import { causes, verifierTail } from "./verifier-tail.ts";

/** How a pass ended, in a paragraph: what the host has now, why, and what to do. Ends with a line break. */
export function printOutcome(outcome: Outcome, options: { readonly color: boolean }): string {
  const paint = picocolors.createColors(options.color);
  switch (outcome.kind) {
    case "unchanged":
      return printUnchanged(outcome, paint);
    case "applied":
      return printApplied(outcome, paint);
    case "unconfirmed":
      return printUnconfirmed(outcome, paint);
    case "quarantined":
      return printQuarantined(outcome, paint);
    case "refused":
      return printRefused(outcome, paint);
    case "declined":
      return `${paint.yellow("Not applied:")} ${target(outcome)} is as it was\n`;
    case "held":
      return printHeld(outcome, paint);
    case "rolled-back":
      return printRolledBack(outcome, paint);
    case "stuck":
      return printStuck(outcome, paint);
    case "invalid":
      return `${printDiagnostics(outcome.diagnostics, options)}Nothing was applied\n`;
  }
}

type Paint = ReturnType<typeof picocolors.createColors>;

function printUnchanged(outcome: Unchanged, paint: Paint): string {
  const head = `${paint.green("Nothing to do:")} ${target(outcome)} runs what ${source(outcome)} says`;
  const pending = outcome.plan.hooks.filter(({ action }) => action === "pending").map(({ hook }) => sanitise(hookName(hook)));
  return joined(pending.length === 0 ? [head] : [`${head}, but for ${pending.join(", ")}: attached when the interface appears`]);
}

function printApplied(outcome: AppliedPlan, paint: Paint): string {
  const { plan, milliseconds, leftovers, notes } = outcome;
  const summary = printSummary(summarisePlan(leftovers.length === 0 ? plan : { ...plan, cleanup: [] }), "done");
  const lines = [`${paint.green("Applied")} ${source(outcome)} to ${target(outcome)} in ${Math.round(milliseconds)} ms: ${summary}`];
  lines.push("Read back from the kernel and compared: it is what the policy says");
  if (leftovers.length > 0) lines.push(`${paint.yellow("Left over:")} ${plural(leftovers.length, "pin")}, removed by the next pass`);
  lines.push(...notes.map((note) => `${paint.yellow("Note:")} ${sanitise(note)}`));
  return joined(lines);
}

function printUnconfirmed(outcome: Unconfirmed, paint: Paint): string {
  const { plan, milliseconds, id, until, notes } = outcome;
  const summary = printSummary(summarisePlan({ ...plan, cleanup: [] }), "done");
  return joined([
    `${paint.green("Applied")} ${source(outcome)} to ${target(outcome)} in ${Math.round(milliseconds)} ms: ${summary}`,
    ...notes.map((note) => `${paint.yellow("Note:")} ${sanitise(note)}`),
    `${paint.yellow("Not confirmed:")} it is taken back at ${until}, unless somebody says before:`,
    `  sluice confirm ${id}`,
    `Take it back at once: sluice abort ${id}`,
  ]);
}

function printQuarantined({ revision, since, reason }: Quarantined, paint: Paint): string {
  return joined([
    `${paint.yellow("Quarantined:")} what ${sanitise(revision)} renders to failed here at ${sanitise(since)}: ${sanitise(reason)}`,
    `  ${paint.cyan("hint:")} a commit that renders to something else ends this by itself; sluice apply tries it again`,
  ]);
}

function printRefused(outcome: Refused, paint: Paint): string {
  const { refusals } = outcome.plan;
  const reasons = refusals.flatMap(({ message, hint }) => [
    `${paint.red("Refused:")} ${sanitise(message)}`,
    ...(hint === null ? [] : [`  ${paint.cyan("hint:")} ${sanitise(hint)}`]),
  ]);
  return joined([...reasons, `Nothing was touched: ${target(outcome)} is as it was`]);
}

function printHeld({ revision, since }: Held, paint: Paint): string {
  return joined([
    `${paint.yellow("Held:")} ${sanitise(revision)} was rolled back by hand at ${sanitise(since)}, so it is not applied again`,
    `  ${paint.cyan("hint:")} a commit that renders to something else ends this by itself`,
  ]);
}

const stages = {
  prepare: "while everything was loaded and verified; no packet has met any of it",
  commit: "while hooks were switched; every one of them is back on its old chain",
  verify: "when the result was read back; every hook is back on its old chain",
} as const;

function printRolledBack(outcome: RolledBack, paint: Paint): string {
  const head = `${paint.red("Not applied:")} ${source(outcome)} failed on ${target(outcome)} ${stages[outcome.during]}`;
  return joined([head, ...explain(outcome.error, paint)]);
}

function printStuck(outcome: Stuck, paint: Paint): string {
  const head = `${paint.bold(paint.red("Stuck:"))} ${source(outcome)} failed on ${target(outcome)}, and undoing it failed too`;
  const undo = outcome.undoErrors.flatMap((error) => [paint.bold("While undoing:"), ...explain(error, paint)]);
  const next = "The journal is kept: the next pass tries again to undo it. `sluice status` shows what each hook runs";
  return joined([head, ...explain(outcome.error, paint), ...undo, next]);
}

/** The messages of an error and its causes that say something new, the hint, and the verifier's last words. */
function explain(error: unknown, paint: Paint): readonly string[] {
  const messages: string[] = [];
  const hints: string[] = [];
  for (const cause of causes(error)) {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (!repeats(messages, message)) messages.push(message);
    if (cause instanceof ReconcilerError && cause.hint !== null) hints.push(cause.hint);
  }
  const source = causes(error).find((cause): cause is KernelError => cause instanceof KernelError)?.refusal?.source ?? null;
  const tail = verifierTail(error, source === null ? 8 : 4);
  const log = (tail?.lines ?? []).map((line) => `    ${paint.dim("│")} ${sanitise(line)}`);
  const omitted =
    tail === null || tail.omitted === 0
      ? []
      : [`    ${paint.dim(`│ (${plural(tail.omitted, "line")} of the verifier's log before: --verbose)`)}`];
  return [
    ...messages.map((message) => `  ${sanitise(message)}`),
    ...(source === null ? [] : printExcerpt(source, paint)),
    ...omitted,
    ...log,
    ...hints.map((hint) => `  ${paint.cyan("hint:")} ${sanitise(hint)}`),
  ];
}

function target({ plan }: { readonly plan: { readonly host: string } }): string {
  return sanitise(plan.host);
}

function source({ plan }: { readonly plan: RolledBack["plan"] }): string {
  return shortName(plan.revision);
}

function joined(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
