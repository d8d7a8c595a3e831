// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";
import { verdictName } from "../../bpf/chain/verdict.ts";
import { hookName } from "../model/hook.ts";
import type { Fate, HookImpact, Impact, ImpactGroup } from "../model/impact.ts";
import { sanitise } from "./sanitise.ts";
import { plural } from "./summarise-plan.ts";

/** What a change does to packets, hook by hook: how many fare otherwise, in which way, and whose they are. Ends with a line break. */
export function printImpact(impact: Impact, options: { readonly color: boolean }): string {
  const paint = picocolors.createColors(options.color);
  if (impact.hooks.length === 0) return `${paint.bold("Impact:")} none, no chain changes\n`;
  const hooks = impact.hooks.map((hook) => printHook(hook, paint));
  return [`${paint.bold("Impact")} on ${sanitise(impact.source)}, replayed through the running and the planned chain:\n`, ...hooks].join(
    "\n",
  );
}

type Paint = ReturnType<typeof picocolors.createColors>;

function printHook({ hook, packets, groups, notes }: HookImpact, paint: Paint): string {
  const changed = groups.reduce((sum, group) => sum + group.packets, 0);
  const total = plural(packets, "packet");
  const head =
    changed === 0
      ? `every verdict stays (${total})`
      : `${changed.toLocaleString("en-US")} of ${total} would fare otherwise (${percent(changed, packets)})`;
  const lines = groups.flatMap((group) => printGroup(hook.kind, group, paint));
  const told = notes.map((note) => `  ${paint.dim(`Note: ${sanitise(note)}`)}\n`);
  return `${paint.bold(sanitise(hookName(hook)))}   ${head}\n${[...lines, ...told].join("")}`;
}

function printGroup(kind: HookImpact["hook"]["kind"], group: ImpactGroup, paint: Paint): readonly string[] {
  const { before, after, packets, flows, flowCount, example } = group;
  const way = `${verdictName(kind, before.verdict)} → ${verdictName(kind, after.verdict)}`;
  const color = isLoss(kind, after.verdict) ? paint.red : paint.green;
  const rest = flowCount > flows.length ? `, and ${plural(flowCount - flows.length, "more flow")}` : "";
  const listed = flows.map(({ flow, packets: count }) => `${sanitise(flow)} (${count})`).join(", ");
  return [
    `  ${color(way)}  ${packets.toLocaleString("en-US")}  ${decided(before, "was")}, ${decided(after, "would be")}\n`,
    `      ${paint.dim(`${plural(flowCount, "flow")}: ${listed}${rest}`)}\n`,
    `      ${paint.dim(`first: #${example.number} ${sanitise(example.packet)}`)}\n`,
  ];
}

function decided({ step }: Fate, was: string): string {
  if (step === "no chain") return `${was} without a chain`;
  return step === "end" ? `${was} let through by every step` : `${was} decided by ${sanitise(step)}`;
}

function isLoss(kind: HookImpact["hook"]["kind"], verdict: number): boolean {
  return kind === "xdp" ? verdict < 2 : verdict === 2;
}

function percent(part: number, of: number): string {
  const share = (part * 100) / of;
  return `${share < 0.1 ? share.toPrecision(1) : share.toFixed(1)} %`;
}
