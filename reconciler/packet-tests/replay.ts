// SPDX-License-Identifier: Apache-2.0
import { describeFlow, describePacket } from "../../bpf/packets/describe-packet.ts";
import type { Fate, ImpactGroup } from "../model/impact.ts";
import type { ScratchChain } from "./scratch-chain.ts";
import { decidingStep } from "./trace-packet.ts";

/** What becomes of packets on one side of a change. */
export interface Side {
  /** Sends one frame through it. */
  fate(frame: Uint8Array): Promise<Fate>;
}

/** A chain, loaded and attached nowhere. */
export function chainSide(chain: ScratchChain): Side {
  let before = chain.verdicts();
  return {
    async fate(frame) {
      const was = await before;
      const { verdict } = await chain.run(frame);
      const is = await chain.verdicts();
      before = Promise.resolve(is);
      return { verdict, step: decidingStep(chain, was, is) };
    },
  };
}

/** A hook without a chain. */
export function noSide(verdict: number): Side {
  return { fate: async () => ({ verdict, step: "no chain" }) };
}

/** Flows shown for a group. */
const mostFlows = 3;

/** Sends frames through both sides, in their order, and groups those whose verdicts differ. `each` is told after every frame. */
export async function replay(
  before: Side,
  after: Side,
  frames: readonly Uint8Array[],
  each: (done: number) => void,
): Promise<readonly ImpactGroup[]> {
  const groups = new Map<string, OpenGroup>();
  for (const [index, frame] of frames.entries()) {
    const fates = { before: await before.fate(frame), after: await after.fate(frame) };
    each(index + 1);
    if (fates.before.verdict === fates.after.verdict) continue;
    const key = JSON.stringify(fates);
    const example = { number: index + 1, packet: describePacket(frame) };
    const group = groups.get(key) ?? { ...fates, packets: 0, flows: new Map<string, number>(), example };
    const flow = describeFlow(frame);
    groups.set(key, group);
    group.packets += 1;
    group.flows.set(flow, (group.flows.get(flow) ?? 0) + 1);
  }
  return [...groups.values()].sort((a, b) => b.packets - a.packets).map(closeGroup);
}

interface OpenGroup extends Pick<ImpactGroup, "before" | "after" | "example"> {
  packets: number;
  readonly flows: Map<string, number>;
}

function closeGroup({ flows, ...group }: OpenGroup): ImpactGroup {
  const largest = [...flows].sort(([, a], [, b]) => b - a).slice(0, mostFlows);
  return { ...group, flows: largest.map(([flow, packets]) => ({ flow, packets })), flowCount: flows.size };
}
