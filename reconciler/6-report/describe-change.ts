// SPDX-License-Identifier: Apache-2.0
import { verdictName } from "../../bpf/chain/verdict.ts";
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { Origin } from "../model/origin.ts";
import type { AddStep, Change, CopiedState, HookPlan, KeySample, ReplaceSet, ReplaceStep, SetKeys } from "../model/plan.ts";
import { plural } from "./summarise-plan.ts";

/** One line of a plan, in its columns. Texts are as they came: print them through `sanitise`. */
export interface ChangeLine {
  /** + add, - remove, ^ move, ~ anything that is replaced. */
  readonly glyph: "+" | "-" | "^" | "~";
  readonly verb: string;
  readonly object: string;
  readonly detail: string;
  readonly origin: Origin | null;
}

/** The lines of a hook's changes: one for each, and one for each key that is shown of a map. */
export function describeChanges(plan: HookPlan): readonly ChangeLine[] {
  return plan.changes.flatMap((change) => describeChange(plan.hook.kind, change));
}

/** "new chain, generation 9be07d", "generation 4f1a2c → 9be07d". */
export function describeAction({ action, from, to }: HookPlan): string {
  const [before, after] = shortIds(from, to);
  switch (action) {
    case "attach":
      return `new chain, generation ${after}`;
    case "detach":
      return from === null ? "link to remove" : `generation ${before} → none`;
    case "switch":
      if (from === to) return `generation ${after}, attached anew`;
      return from === null ? `unknown program → generation ${after}` : `generation ${before} → ${after}`;
    case "reattach":
      return `generation ${after}, attached again`;
    case "update":
      return `generation ${after} stays`;
    case "pending":
      return "pending: the interface does not exist yet";
    case "unchanged":
      return `generation ${after} unchanged`;
  }
}

function describeChange(kind: HookKind, change: Change): readonly ChangeLine[] {
  switch (change.kind) {
    case "add-step": {
      const library = change.uses === change.step || change.verdict !== undefined ? "" : `, uses ${change.uses}`;
      const detail = `${place(change.after)}${library}${describeMatch(kind, change)}`;
      return [{ glyph: "+", verb: "add", object: change.step, detail, origin: change.origin }];
    }
    case "remove-step":
      return [{ glyph: "-", verb: "remove", object: change.step, detail: "", origin: null }];
    case "move-step": {
      const detail = `${place(change.after)}, was ${place(change.wasAfter)}`;
      return [{ glyph: "^", verb: "move", object: change.step, detail, origin: change.origin }];
    }
    case "replace-step":
      return [{ glyph: "~", verb: "replace", object: change.step, detail: describeReplacement(kind, change), origin: change.origin }];
    case "set-keys":
      return describeKeys(change);
    case "replace-set":
      return [{ glyph: "~", verb: "set", object: `${change.step}/${change.map}`, detail: describeSet(change), origin: change.origin }];
    case "set-end": {
      const detail = `${verdictName(kind, change.before)} → ${verdictName(kind, change.after)}`;
      return [{ glyph: "~", verb: "end", object: "chain", detail, origin: change.origin }];
    }
    case "set-mode":
      return [{ glyph: "~", verb: "mode", object: "chain", detail: `${change.before} → ${change.after}`, origin: change.origin }];
  }
}

/** ", drop for tcp port 23 (libpcap 1.10.3, code 3f2a1b)"; nothing where it is for all packets. */
function describeMatch(kind: HookKind, { match, verdict }: Pick<AddStep, "match" | "verdict">): string {
  if (match === undefined) return "";
  const does = verdict === undefined ? "" : `${verdictName(kind, verdict)} `;
  return `, ${does}for ${cutExpression(match.expression)} (libpcap ${match.libpcap}, code ${match.digest.slice(0, 6)})`;
}

/** Lines of a plan are short, and in one line. */
const longestExpression = 120;

function cutExpression(expression: string): string {
  const line = expression.replace(/\s+/g, " ").trim();
  return line.length > longestExpression ? `${line.slice(0, longestExpression - 1)}…` : line;
}

function describeReplacement(kind: HookKind, change: ReplaceStep): string {
  const { differs, losesState, copiesState } = change;
  const lost = losesState.length === 0 ? "" : `; state lost: ${losesState.join(", ")}`;
  const copied = copiesState.length === 0 ? "" : `; state copied: ${copiesState.map(describeCopy).join(", ")}`;
  return `${differs.join(", ")} changed${describeMatch(kind, change)}${copied}${lost}`;
}

/** "flows (without bytes; new: last_seen; room for 512, was 1024)". */
function describeCopy({ map, dropped, added, roomBefore, roomAfter }: CopiedState): string {
  const without = dropped.length === 0 ? [] : [`without ${dropped.map((path) => path || "its value").join(", ")}`];
  const fresh = added.length === 0 ? [] : [`new: ${added.join(", ")}`];
  const room = roomBefore === roomAfter ? [] : [`room for ${roomAfter}, was ${roomBefore}`];
  const notes = [...without, ...fresh, ...room];
  return notes.length === 0 ? map : `${map} (${notes.join("; ")})`;
}

function describeKeys(change: SetKeys): readonly ChangeLine[] {
  const { step, map, samples, origin } = change;
  const line = (detail: string, at: Origin | null): ChangeLine => ({
    glyph: "~",
    verb: "map",
    object: `${step}/${map}`,
    detail,
    origin: at,
  });
  const lines = samples.map((sample) => line(describeSample(sample), sample.origin ?? origin));
  const rest = change.added + change.changed + change.removed - samples.length;
  if (rest <= 0) return lines;
  const counts = `${change.added} added, ${change.changed} changed, ${change.removed} removed`;
  return [...lines, line(samples.length === 0 ? counts : `and ${plural(rest, "more key")} (in all: ${counts})`, origin)];
}

function describeSet({ before, after, kept, bytes, seconds, secondsByKey }: ReplaceSet): string {
  const [was, is] = [before, after].map((count) => count.toLocaleString("en-US"));
  const byKey = `key by key about ${secondsByKey.toFixed(1)} s`;
  const how = kept
    ? `kept from before, switched with the generation (${byKey})`
    : `built beside and switched with the generation (about ${seconds.toFixed(1)} s and ${Math.ceil(bytes / 2 ** 20)} MiB more; ${byKey})`;
  return `${was} → ${is} entries: ${how}`;
}

/** Members of a set have no values worth a word: there the key says it all. */
function describeSample({ key, before, after }: KeySample): string {
  if (before === null) return after === "" ? `${key}  added` : `${key}  new: ${after ?? ""}`;
  if (after === null) return before === "" ? `${key}  removed` : `${key}  ${before} → none`;
  if (before === "" && after === "") return `${key}  changed`;
  const [was, is] = changedMembers(before, after);
  return `${key}  ${was} → ${is}`;
}

/** Of two flat structs of the same members, what differs: "{limit: 1000}" and "{limit: 2000}". Other values stay as they are. */
function changedMembers(before: string, after: string): readonly [string, string] {
  const [was, is] = [before, after].map((text) => /^\{([^{}[\]"]*)\}$/.exec(text)?.[1]?.split(", "));
  if (was === undefined || is?.length !== was.length) return [before, after];
  const differing = was.flatMap((member, index) => (member === is[index] ? [] : [index]));
  const show = (members: readonly string[]) => `{${differing.map((index) => members[index]).join(", ")}}`;
  return [show(was), show(is)];
}

function place(after: string | null): string {
  return after === null ? "first" : `after ${after}`;
}

/** Six digits, like a commit; more where six would not tell the two apart. */
function shortIds(from: string | null, to: string | null): readonly [string, string] {
  const length = from !== null && to !== null && from !== to && from.slice(0, 6) === to.slice(0, 6) ? 64 : 6;
  return [from?.slice(0, length) ?? "none", to?.slice(0, length) ?? "none"];
}
