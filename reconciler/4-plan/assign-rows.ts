// SPDX-License-Identifier: Apache-2.0
import { countersDefinition, maxCounterSlots } from "../../bpf/chain/counters.ts";
import type { GenerationCounters } from "../model/generation.ts";
import type { ObservedHook } from "../model/observed.ts";
import { countersPin, type PinLayout } from "../model/pins.ts";
import { servesAs } from "./serves-as.ts";

export interface AssignedRows {
  readonly counters: GenerationCounters;
  /** Row by step name. */
  readonly rows: ReadonlyMap<string, number>;
}

const fewestSlots = 16;

/**
 * Gives every step its row: the one it has in any pinned generation, else one that nobody has had. Where somebody has pinned something
 * else in the place of the counters, they begin anew beside it.
 */
export function assignRows(layout: PinLayout, observed: ObservedHook, steps: readonly string[]): AssignedRows {
  const family = newestFamily(observed);
  const known = rowsOf(observed, family);
  const assigned = extend(known, steps);
  const found = withMap(layout, observed, family, assigned);
  if (assigned.next <= maxCounterSlots && !isTaken(observed, found.counters)) return found;
  const next = Math.max(family, ...observed.counters.map((counters) => counters.family)) + 1;
  return withMap(layout, observed, next, extend({ rows: new Map(), next: 0 }, steps));
}

function isTaken({ counters }: ObservedHook, { pin, slots }: GenerationCounters): boolean {
  return counters.some((found) => found.pin.path === pin && !servesAs(found.pin, countersDefinition(slots), false));
}

interface Rows {
  readonly rows: ReadonlyMap<string, number>;
  readonly next: number;
}

function newestFamily(observed: ObservedHook): number {
  const numbered = observed.generations.flatMap(({ manifest }) => manifest?.counters?.family ?? []);
  if (numbered.length > 0) return Math.max(...numbered);
  return Math.max(-1, ...observed.counters.map((counters) => counters.family)) + 1;
}

function rowsOf(observed: ObservedHook, family: number): Rows {
  const rows = new Map<string, number>();
  let next = 0;
  for (const { manifest } of observed.generations) {
    if (manifest === null || manifest.counters === null || manifest.counters.family !== family) continue;
    next = Math.max(next, manifest.counters.next);
    for (const step of manifest.steps) rows.set(step.name, step.slot);
  }
  return { rows, next };
}

function extend(known: Rows, steps: readonly string[]): Rows {
  const rows = new Map(steps.flatMap((name) => (known.rows.has(name) ? [[name, known.rows.get(name) as number] as const] : [])));
  let next = known.next;
  for (const name of steps) if (!rows.has(name)) rows.set(name, next++);
  return { rows, next };
}

/** The biggest map of the family when it has rows enough, else the next power of two. */
function withMap(layout: PinLayout, observed: ObservedHook, family: number, { rows, next }: Rows): AssignedRows {
  let slots = Math.max(fewestSlots, ...observed.counters.filter((found) => found.family === family).map((found) => found.slots));
  while (slots < next) slots *= 2;
  return { counters: { pin: countersPin(layout, observed.hook, family, slots), family, slots, next }, rows };
}
