// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../../bpf/kernel/refusal.ts";
import { libbpf } from "../../bpf/libbpf-ffi/library.ts";

/** Calls of bpf(2) by which a process that is not the agent's works on a map of its own. */
export interface ForeignCalls {
  /** Makes so many a second, half of them updates and half lookups; gives how many there really were. */
  flood(perSecond: number, seconds: number): Promise<number>;
  /** Nanoseconds of one call each, as this process sees them. */
  time(bursts: number): CallTimes;
}

export interface CallTimes {
  readonly update: number;
  readonly lookup: number;
  /** Of getppid(2), which has nothing to do with it. */
  readonly other: number;
}

const [key, value] = [Uint32Array.of(1), Uint32Array.of(2)];
const burst = 5_000;

export function openForeignCalls(map: number): ForeignCalls {
  const update = () => libbpf().bpf_map_update_elem(map, key, value, 0);
  const lookup = () => libbpf().bpf_map_lookup_elem(map, key, value);
  for (const call of [update, lookup]) check(call(), { call: "bpf", action: "Cannot work on a map of our own" });
  return {
    async flood(perSecond, seconds) {
      const start = performance.now();
      let made = 0;
      for (let now = start; now - start < seconds * 1000; now = performance.now()) {
        const due = ((now - start) / 1000) * perSecond;
        for (; made < due; made += 2) {
          update();
          lookup();
        }
        await sleep(2);
      }
      return (made / (performance.now() - start)) * 1000;
    },
    time: (bursts) => ({
      update: fastest(bursts, update),
      lookup: fastest(bursts, lookup),
      other: fastest(bursts, () => process.ppid),
    }),
  };
}

/** Whatever else runs on the machine only makes a burst slower. */
function fastest(bursts: number, call: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let number = 0; number < bursts; number += 1) {
    const start = performance.now();
    for (let made = 0; made < burst; made += 1) call();
    best = Math.min(best, performance.now() - start);
  }
  return (best / burst) * 1e6;
}
