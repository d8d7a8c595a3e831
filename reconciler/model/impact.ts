// SPDX-License-Identifier: Apache-2.0
import type { Hook } from "./hook.ts";

/** What a change does to packets: they went through the chain that runs and through the planned one, one after another. */
export interface Impact {
  /** Where the packets come from: "capture.pcap", "10 s of eth0". */
  readonly source: string;
  readonly hooks: readonly HookImpact[];
}

export interface HookImpact {
  readonly hook: Hook;
  readonly packets: number;
  /** Those whose verdict differs, the largest group first. */
  readonly groups: readonly ImpactGroup[];
  /** What could not be taken along from the running chain, in words: the planned one, or the copy of the running one, starts without. */
  readonly notes: readonly string[];
}

/** Packets that fare otherwise in one way. */
export interface ImpactGroup {
  readonly before: Fate;
  readonly after: Fate;
  readonly packets: number;
  /** The first few, with their packets; most packets first. */
  readonly flows: readonly { readonly flow: string; readonly packets: number }[];
  readonly flowCount: number;
  /** The first such packet, in tcpdump's words, and its number in the capture, counted from 1. */
  readonly example: { readonly number: number; readonly packet: string };
}

export interface Fate {
  readonly verdict: number;
  /** Name of the step that decided; "end" when all let it through, "no chain" where none runs. */
  readonly step: string;
}

/** Packets that fare otherwise, of all, in per cent; 0 of no packets. The largest of all hooks. */
export function worstShare({ hooks }: Impact): number {
  return Math.max(0, ...hooks.map(({ groups, packets }) => share(groups, packets)));
}

function share(groups: readonly ImpactGroup[], packets: number): number {
  return packets === 0 ? 0 : (groups.reduce((sum, group) => sum + group.packets, 0) * 100) / packets;
}
