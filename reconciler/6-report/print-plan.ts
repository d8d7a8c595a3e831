// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";
import { type Origin, printOrigin } from "../model/origin.ts";
import { type HookPlan, isEmpty, type Plan } from "../model/plan.ts";
import type { Revision } from "../model/snapshot.ts";
import { type ChangeLine, describeAction, describeChanges } from "./describe-change.ts";
import { sanitise } from "./sanitise.ts";
import { plural, printSummary, summarisePlan } from "./summarise-plan.ts";

export interface PrintOptions {
  readonly color: boolean;
  /** Columns of the terminal: longer lines are cut. Nothing is cut when absent. */
  readonly width?: number;
}

/** A plan for people; hooks that stay as they are are only counted. Ends with a line break. */
export function printPlan(plan: Plan, options: PrintOptions): string {
  const paint = picocolors.createColors(options.color);
  const shown = plan.hooks.filter((hook) => hook.action !== "unchanged");
  const blocks = shown.map((hook) => printHook(hook, options, paint));
  const notes = printNotes(plan, paint);
  return [printHead(plan, paint), ...blocks, ...(notes === "" ? [] : [notes]), printEnd(plan, paint)].join("\n");
}

/** "main@sha1:7c1e4f2a" of a 40-digit commit; a folder stays as it is. */
export function shortName(revision: Pick<Revision, "name">): string {
  return sanitise(revision.name.replace(/((?:^|@)sha(?:1|256):[0-9a-f]{8})[0-9a-f]+$/, "$1"));
}

type Paint = ReturnType<typeof picocolors.createColors>;

function printHead({ host, revision }: Plan, paint: Paint): string {
  const subject = revision.subject === null ? "" : `  "${sanitise(revision.subject)}"`;
  const author = revision.author === null ? "" : paint.dim(`  ${sanitise(revision.author)}`);
  const signer = revision.signer === undefined ? "" : paint.dim(`  signed by ${sanitise(revision.signer)}`);
  const rewound =
    revision.rewound === undefined
      ? ""
      : `\n${paint.yellow(`! does not go on from ${shortName({ name: revision.rewound })}, which was there before`)}`;
  return `${paint.bold(sanitise(host))}  ${shortName(revision)}${subject}${author}${signer}${rewound}\n`;
}

/** One line: what is painted, what may be cut, and what stands at the right. */
interface Row {
  readonly lead: string;
  readonly paint: (lead: string) => string;
  readonly rest: string;
  readonly origin: string;
}

function printHook(hook: HookPlan, options: PrintOptions, paint: Paint): string {
  const lines = describeChanges(hook);
  const objectWidth = Math.max(...lines.map((line) => columns(sanitise(line.object))), 0);
  const rows = [headRow(hook, paint), ...lines.map((line) => changeRow(line, hook.origin, objectWidth, paint))];
  const traffic = hook.traffic === "" ? "" : `  ${paint.dim(`${sanitise(hook.traffic)}.`)}\n`;
  return `${printRows(rows, options.width, paint)}${traffic}`;
}

function headRow(hook: HookPlan, paint: Paint): Row {
  const lead = `${sanitise(hook.hook.interface)} / ${hook.hook.kind}`;
  const origin = hook.origin === null ? "" : sanitise(printOrigin(hook.origin));
  return { lead, paint: paint.bold, rest: `   ${sanitise(describeAction(hook))}`, origin };
}

function changeRow(line: ChangeLine, head: Origin | null, objectWidth: number, paint: Paint): Row {
  const colors = { "+": paint.green, "-": paint.red, "^": paint.cyan, "~": paint.yellow };
  const object = sanitise(line.object);
  const rest = `${object}${" ".repeat(objectWidth - columns(object))}  ${sanitise(line.detail)}`.trimEnd();
  return { lead: `  ${line.glyph} ${line.verb.padEnd(8)} `, paint: colors[line.glyph], rest, origin: shortOrigin(line.origin, head) };
}

/** Only the line where the file is that of the head. */
function shortOrigin(origin: Origin | null, head: Origin | null): string {
  if (origin === null) return "";
  return origin.file === head?.file ? `:${origin.line}` : sanitise(printOrigin(origin));
}

/** Where origins start when nothing is cut: lines that are longer keep theirs right behind them. */
const widestColumn = 90;

function printRows(rows: readonly Row[], width: number | undefined, paint: Paint): string {
  const origins = Math.max(...rows.map((row) => columns(row.origin)));
  const limit = width === undefined ? widestColumn : Math.max(30, width - origins - 3);
  const column = Math.min(limit, Math.max(...rows.map((row) => columns(row.lead + row.rest))));
  const lines = rows.map((row) => {
    const rest = width === undefined ? row.rest : cut(row.rest, column - columns(row.lead));
    const gap = " ".repeat(Math.max(0, column - columns(row.lead + rest)) + 3);
    return `${row.paint(row.lead)}${rest}${row.origin === "" ? "" : `${gap}${paint.dim(row.origin)}`}\n`;
  });
  return lines.join("");
}

function cut(text: string, width: number): string {
  return columns(text) <= width
    ? text
    : `${Array.from(text)
        .slice(0, width - 1)
        .join("")}…`;
}

function printNotes(plan: Plan, paint: Paint): string {
  const warnings = plan.warnings.map(({ message }) => `${paint.yellow("Warning:")} ${sanitise(message)}\n`);
  const refusals = plan.refusals.map(({ message, hint }) => {
    const help = hint === null ? "" : `  ${paint.cyan("hint:")} ${sanitise(hint)}\n`;
    return `${paint.red("Refused:")} ${sanitise(message)}\n${help}`;
  });
  return [...warnings, ...refusals].join("");
}

function printEnd(plan: Plan, paint: Paint): string {
  if (plan.refusals.length > 0) {
    return `${paint.bold(paint.red("Nothing will be applied:"))} the plan is refused for ${plural(plan.refusals.length, "reason")}.\n`;
  }
  const summary = summarisePlan(plan);
  if (!isEmpty(plan)) return `${paint.bold("Plan:")} ${printSummary(summary)}\n`;
  const chains = plan.hooks.filter((hook) => hook.action === "unchanged").length;
  const pending = summary.pending === 0 ? "" : `; ${plural(summary.pending, "chain")} pending`;
  const checked = `${plural(chains, "chain")}, ${plural(summary.unchanged, "step")}${pending}`;
  return `${paint.bold(paint.green("No changes."))} ${sanitise(plan.host)} runs what ${shortName(plan.revision)} says (${checked}).\n`;
}

function columns(text: string): number {
  return Array.from(text).length;
}
