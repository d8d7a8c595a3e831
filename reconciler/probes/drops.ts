// SPDX-License-Identifier: Apache-2.0
import { type CountersMap, countVerdicts, type VerdictCount } from "../3-observed/count-verdicts.ts";
import type { Host } from "../host.ts";
import type { ObservedHook } from "../model/observed.ts";
import { observePins } from "../observe-host.ts";
import type { DropLimit, ProbeResult } from "./probe.ts";

/** What the chains of one interface have counted. */
export interface InterfaceCounts {
  readonly packets: bigint;
  readonly dropped: bigint;
}

/** By interface. */
export type Counts = ReadonlyMap<string, InterfaceCounts>;

/** Reads what the running chains have counted since they count. */
export async function readCounts(host: Host): Promise<Counts> {
  const { hooks } = await observePins(host);
  const counts = new Map<string, InterfaceCounts>();
  for (const hook of hooks) {
    const { packets, dropped } = sumSteps(await countsOfSteps(host, hook));
    const before = counts.get(hook.hook.interface) ?? { packets: 0n, dropped: 0n };
    counts.set(hook.hook.interface, { packets: before.packets + packets, dropped: before.dropped + dropped });
  }
  return counts;
}

/** The verdicts of the steps of what runs, in their order; none where nothing of ours runs, or where the chain does not count. */
async function countsOfSteps({ kernel }: Host, hook: ObservedHook): Promise<readonly (readonly VerdictCount[])[]> {
  const manifest = hook.generations.find(({ running }) => running)?.manifest;
  const family = manifest?.counters?.family;
  if (manifest == null || family === undefined) return [];
  const maps: CountersMap[] = [];
  for (const { pin, slots } of hook.counters.filter((map) => map.family === family))
    maps.push({ slots, entries: await kernel.readMap(pin.path) });
  return manifest.steps.map(({ slot }) => countVerdicts(hook.hook.kind, slot, maps));
}

/** Every packet meets the first step; a packet is dropped by one step at most. Pure. */
export function sumSteps(steps: readonly (readonly VerdictCount[])[]): InterfaceCounts {
  const [first = []] = steps;
  const dropped = steps.flat().filter(({ verdict }) => drops.has(verdict));
  return { packets: sum(first), dropped: sum(dropped) };
}

const drops = new Set(["drop", "aborted", "shot"]);

/** Whether an interface drops no more than it may, of the packets between two readings. Pure. */
export function judgeDrops(limit: DropLimit, before: Counts, now: Counts): ProbeResult {
  const name = `drops of ${limit.interface}`;
  const [then, since] = [before.get(limit.interface) ?? none, now.get(limit.interface) ?? none];
  const packets = Number(since.packets - then.packets);
  const dropped = Number(since.dropped - then.dropped);
  if (packets < limit.packets || packets <= 0) return { name, holds: true, detail: `${Math.max(packets, 0)} packets, too few to say` };
  const share = (100 * dropped) / packets;
  return { name, holds: share <= limit.above, detail: `${share.toFixed(1)} % of ${packets} packets (limit ${limit.above} %)` };
}

const none: InterfaceCounts = { packets: 0n, dropped: 0n };

function sum(counts: readonly VerdictCount[]): bigint {
  return counts.reduce((total, { packets }) => total + packets, 0n);
}
