// SPDX-License-Identifier: Apache-2.0
import type { HookPlan, Plan } from "../model/plan.ts";

/** A plan in numbers. Hooks that wait for their interface count only as pending. */
export interface PlanSummary {
  readonly add: number;
  readonly move: number;
  readonly replace: number;
  readonly remove: number;
  /** Sets of keys replaced as a whole. */
  readonly sets: number;
  /** Keys written or deleted in place. */
  readonly keys: number;
  /** Changes of a chain's end verdict or of its XDP mode. */
  readonly settings: number;
  /** Steps that stay as they are. */
  readonly unchanged: number;
  /** Hooks whose program is replaced in one update of their link. */
  readonly switch: number;
  readonly attach: number;
  readonly detach: number;
  /** Hooks that need a detach and an attach: a change of the XDP mode. */
  readonly restart: number;
  readonly pending: number;
  /** Pins of older generations to remove. */
  readonly cleanup: number;
}

export function summarisePlan(plan: Plan): PlanSummary {
  const hooks = plan.hooks.filter((hook) => hook.action !== "pending");
  const changes = hooks.flatMap((hook) => hook.changes);
  const count = (kind: string) => changes.filter((change) => change.kind === kind).length;
  const links = hooks.map(linkChange);
  return {
    add: count("add-step"),
    move: count("move-step"),
    replace: count("replace-step"),
    sets: count("replace-set"),
    remove: count("remove-step"),
    keys: changes.reduce((sum, change) => sum + (change.kind === "set-keys" ? change.added + change.changed + change.removed : 0), 0),
    settings: count("set-end") + count("set-mode"),
    unchanged: hooks.reduce((sum, hook) => sum + hook.unchanged, 0),
    switch: links.filter((link) => link === "switch").length,
    attach: links.filter((link) => link === "attach").length,
    detach: links.filter((link) => link === "detach").length,
    restart: links.filter((link) => link === "restart").length,
    pending: plan.hooks.length - hooks.length,
    cleanup: plan.cleanup.length,
  };
}

/** "1 to add, 1 to move, 1 map key to set; 2 steps unchanged. One atomic switch.", or the same as done: "1 added, 1 moved, …". */
export function printSummary(summary: PlanSummary, tense: "planned" | "done" = "planned"): string {
  const words = (planned: string, done: string) => (tense === "planned" ? planned : done);
  const counts: readonly (readonly [number, string])[] = [
    [summary.add, words("to add", "added")],
    [summary.move, words("to move", "moved")],
    [summary.replace, words("to replace", "replaced")],
    [summary.remove, words("to remove", "removed")],
    [summary.sets, `${summary.sets === 1 ? "set" : "sets"} ${words("to replace", "replaced")}`],
    [summary.keys, `map ${summary.keys === 1 ? "key" : "keys"} ${words("to set", "set")}`],
    [summary.settings, `${summary.settings === 1 ? "setting" : "settings"} ${words("to change", "changed")}`],
  ];
  const parts = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const steps = parts.length === 0 ? "no step changes" : parts.join(", ");
  const same = summary.unchanged === 0 ? "" : `; ${plural(summary.unchanged, "step")} unchanged`;
  return `${steps}${same}. ${printLinks(summary, words)}`;
}

/** "1 step", "2 steps". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function linkChange(hook: HookPlan): "switch" | "attach" | "detach" | "restart" | "none" {
  switch (hook.action) {
    case "switch":
      return hook.changes.some((change) => change.kind === "set-mode") ? "restart" : "switch";
    case "attach":
    case "reattach":
      return "attach";
    case "detach":
      return "detach";
    default:
      return "none";
  }
}

/** Each hook is switched on its own: atomic for its packets, and undone together when one fails. */
function printLinks(summary: PlanSummary, words: (planned: string, done: string) => string): string {
  const links: readonly (readonly [number, string])[] = [
    [summary.switch, summary.switch === 1 ? "one atomic switch" : `${summary.switch} atomic switches`],
    [summary.attach, `${plural(summary.attach, "chain")} ${words("to attach", "attached")}`],
    [summary.detach, `${plural(summary.detach, "chain")} ${words("to detach", "detached")}`],
    [summary.restart, `${plural(summary.restart, "chain")} ${words("to detach and attach again", "detached and attached again")}`],
  ];
  const text = links.flatMap(([count, what]) => (count > 0 ? [what] : [])).join(", ");
  const sentence = text === "" ? words("Nothing is reloaded", "Nothing was reloaded") : `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  const pending = summary.pending === 0 ? "" : ` ${plural(summary.pending, "chain")} pending.`;
  const cleanup = summary.cleanup === 0 ? "" : ` ${plural(summary.cleanup, "old pin")} ${words("to clean up", "cleaned up")}.`;
  return `${sentence}.${pending}${cleanup}`;
}
