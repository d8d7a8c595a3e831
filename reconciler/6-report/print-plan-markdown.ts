// SPDX-License-Identifier: Apache-2.0
import { printOrigin } from "../model/origin.ts";
import { type HookPlan, isEmpty, type Plan } from "../model/plan.ts";
import { type ChangeLine, describeAction, describeChanges } from "./describe-change.ts";
import { shortName } from "./print-plan.ts";
import { sanitise } from "./sanitise.ts";
import { plural, printSummary, summarisePlan } from "./summarise-plan.ts";

/** What GitHub takes in a comment is 65,536 characters; some room is left for what a workflow puts around it. */
const longest = 60_000;

/** Lines of refusals and warnings. */
const mostNotes = 20;

/**
 * A plan as a comment for a pull request, at most 60,000 bytes of UTF-8: a sentence, then one folded block per hook. The first line
 * is a marker by which a workflow finds its own comment. Every text of a policy stands in a code span or a fenced block, where it
 * is neither Markdown nor HTML and mentions nobody.
 */
export function printPlanMarkdown(plan: Plan): string {
  const head = [`<!-- sluice:plan:${encodeURIComponent(sanitise(plan.host))} -->`, headline(plan), source(plan), notes(plan)]
    .filter((part) => part !== "")
    .join("\n\n");
  const hooks = plan.hooks.filter((hook) => hook.action !== "unchanged");
  const blocks: string[] = [];
  let room = longest - byteLength(head) - 500;
  for (const hook of hooks) {
    const block = printHook(hook, room);
    if (block === null) break;
    blocks.push(block);
    room -= byteLength(block) + 2;
  }
  const left = hooks.length - blocks.length;
  const more = left === 0 ? [] : [`_${plural(left, "more chain")} would not fit here: \`sluice plan\` shows all of them._`];
  return `${[head, ...blocks, ...more].join("\n\n")}\n`;
}

function headline(plan: Plan): string {
  const title = `### Sluice plan for ${codeSpan(sanitise(plan.host))}`;
  if (plan.refusals.length > 0) return `${title}\n\n**Refused for ${plural(plan.refusals.length, "reason")}: nothing would be applied.**`;
  const summary = summarisePlan(plan);
  if (isEmpty(plan)) return `${title}\n\n**No changes.** ${plural(summary.unchanged, "step")} checked.`;
  return `${title}\n\n**Plan:** ${printSummary(summary)}`;
}

function source({ revision }: Plan): string {
  const subject = revision.subject === null ? "" : ` ${codeSpan(cutText(sanitise(revision.subject), 200))}`;
  const signer = revision.signer === undefined ? "" : `, signed by ${codeSpan(cutText(sanitise(revision.signer), 200))}`;
  const rewound =
    revision.rewound === undefined
      ? ""
      : `\n\n**The branch was rewound:** this does not go on from ${codeSpan(shortName({ name: revision.rewound }))}, which was there before.`;
  return `Revision ${codeSpan(shortName(revision))}${subject}${signer}${rewound}`;
}

function notes(plan: Plan): string {
  const refusals = plan.refusals.flatMap(({ message, hint }) => [`Refused: ${message}`, ...(hint === null ? [] : [`  hint: ${hint}`])]);
  const lines = [...refusals, ...plan.warnings.map(({ message }) => `Warning: ${message}`)];
  const left = lines.length - mostNotes;
  const more = left > 0 ? [`… and ${plural(left, "more line")}`] : [];
  return lines.length === 0 ? "" : fence("text", [...lines.slice(0, mostNotes).map(printLine), ...more]);
}

/** null when not even its first lines fit. */
function printHook(hook: HookPlan, room: number): string | null {
  const name = `<code>${escapeHtml(sanitise(hook.hook.interface))} / ${hook.hook.kind}</code>`;
  const action = escapeHtml(sanitise(describeAction(hook)));
  const wrap = (lines: readonly string[]) => `<details open><summary>${name} ${action}</summary>\n\n${fence("diff", lines)}\n\n</details>`;
  const changes = describeChanges(hook).map(printChange);
  const traffic = hook.traffic === "" ? [] : [printLine(`# ${hook.traffic}`)];
  let budget = room - byteLength(wrap(traffic)) - 100;
  if (budget < 0) return null;
  const kept = changes.filter((line) => {
    budget -= byteLength(line) + 1;
    return budget >= 0;
  });
  const left = changes.length - kept.length;
  return wrap([...kept, ...(left === 0 ? [] : [`# ${plural(left, "more line")} would not fit here`]), ...traffic]);
}

/** In a diff block "+" and "-" are green and red, "!" is orange. */
function printChange({ glyph, verb, object, detail, origin }: ChangeLine): string {
  const mark = glyph === "+" || glyph === "-" ? glyph : "!";
  const at = origin === null ? "" : `   (${printOrigin(origin)})`;
  return printLine(`${mark} ${verb.padEnd(8)} ${object}  ${detail}${at}`);
}

function printLine(text: string): string {
  return cutText(sanitise(text), 400).trimEnd();
}

/** No line of ours starts with a fence: each has a word or a sign of its own first. */
function fence(language: string, lines: readonly string[]): string {
  return `\`\`\`${language}\n${lines.map((line) => `${line}\n`).join("")}\`\`\``;
}

/** A code span that its text cannot end: its fence is longer than any run of backticks inside. */
function codeSpan(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map(([run]) => run.length);
  const mark = "`".repeat(Math.max(0, ...runs) + 1);
  const space = mark.length > 1 ? " " : "";
  return `${mark}${space}${text}${space}${mark}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function cutText(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text, "utf8");
}
