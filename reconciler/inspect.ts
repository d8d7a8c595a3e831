// SPDX-License-Identifier: Apache-2.0
import type { CountersMap } from "./3-observed/count-verdicts.ts";
import type { Host } from "./host.ts";
import { type InspectedHook, inspectHook } from "./inspect-hook.ts";
import type { ObservedHook } from "./model/observed.ts";

export { observePins } from "./observe-host.ts";

/** What runs at hooks, counters read from the kernel; changes nothing. */
export function inspectHost(host: Host, hooks: readonly ObservedHook[]): Promise<readonly InspectedHook[]> {
  return Promise.all(hooks.map(async (hook) => inspectHook(host.layout, hook, await readCounters(host, hook))));
}

async function readCounters({ kernel }: Host, hook: ObservedHook): Promise<ReadonlyMap<string, CountersMap>> {
  const maps = hook.counters.map(async ({ pin, slots }) => [pin.path, { slots, entries: await kernel.readMap(pin.path) }] as const);
  return new Map(await Promise.all(maps));
}
