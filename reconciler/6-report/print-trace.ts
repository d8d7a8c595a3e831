// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";
import { verdictName } from "../../bpf/chain/verdict.ts";
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import { describePacket } from "../../bpf/packets/describe-packet.ts";
import { hookName } from "../model/hook.ts";
import { printOrigin } from "../model/origin.ts";
import type { Traced, TracedPacket, TracedStep } from "../model/traced-packet.ts";
import { sanitise } from "./sanitise.ts";

/** Each packet with what every step did with it and why, and what came of it. */
export function printTrace(traced: Traced, options: { readonly color: boolean }): string {
  const paint = picocolors.createColors(options.color);
  const maps = traced.live ? "with the tables of the chain that runs" : "with fresh tables, as the policy fills them";
  const head = `${paint.bold(sanitise(hookName(traced.hook)))}   generation ${traced.generation.slice(0, 6)}, ${maps}\n`;
  const packets = traced.packets.map((packet, index) => printPacket(traced, packet, traced.frames[index] as Uint8Array, paint));
  return [head, ...packets].join("\n");
}

type Paint = ReturnType<typeof picocolors.createColors>;

function printPacket(traced: Traced, packet: TracedPacket, frame: Uint8Array, paint: Paint): string {
  const width = Math.max(...packet.steps.map(({ name }) => name.length), 4);
  const lines = packet.steps.map((step, index) => {
    const origin = traced.origins[step.name];
    const place = origin === undefined ? "" : paint.dim(`  ${sanitise(printOrigin(origin))}`);
    const said = didOf(traced.hook.kind, packet, step, index);
    const marked = step.name === packet.decided ? paint.bold(said) : step.verdict === null ? paint.dim(said) : said;
    return `  ${String(index + 1).padStart(2)} ${sanitise(step.name).padEnd(width)}  ${marked}${place}\n`;
  });
  return `${describePacket(frame)}\n${lines.join("")}  ${paint.bold(outcome(traced, packet, frame))}\n`;
}

function didOf(hook: HookKind, packet: TracedPacket, step: TracedStep, index: number): string {
  if (step.unmatched) return "does not match";
  if (step.verdict === null) return packet.decided === `a tail call of ${step.name}` ? "left by a tail call" : "not reached";
  const verdict = step.verdict > 13 ? "other" : verdictName(hook, step.verdict);
  const next = packet.steps.slice(index + 1).find(({ unmatched }) => !unmatched);
  const goesOn = next?.verdict == null || step.name === packet.decided ? "" : ", goes on";
  const reasons = step.reasons.length === 0 ? "" : `: ${step.reasons.map(sanitise).join(", ")}`;
  return `${verdict}${goesOn}${reasons}`;
}

function outcome({ hook }: Traced, { verdict, decided, output }: TracedPacket, frame: Uint8Array): string {
  const by = decided === "end" ? "every step let it through" : `decided by ${sanitise(decided)}`;
  const changed = isSame(frame, output) ? "" : `; the packet was changed: ${describePacket(output)}`;
  return `→ ${verdictName(hook.kind, verdict)}, ${by}${changed}`;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
