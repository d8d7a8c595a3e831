// SPDX-License-Identifier: Apache-2.0

/** A chain of the all-pairs test: which of the steps 1 to 5 it has, in order. */
export type Steps = readonly number[];

/** Every chain of up to `longest` different steps out of `count`, the empty one among them. */
export function arrangements(count: number, longest: number): readonly Steps[] {
  const all: Steps[] = [[]];
  for (const chain of all) {
    if (chain.length === longest) continue;
    for (let step = 1; step <= count; step++) if (!chain.includes(step)) all.push([...chain, step]);
  }
  return all;
}

/** Whether one edit makes one of the other: a step inserted, removed, moved or replaced. */
export function isOneEdit(from: Steps, to: Steps): boolean {
  if (from.join() === to.join()) return false;
  if (from.length > to.length) return isOneEdit(to, from);
  if (from.length === to.length) return isReplaced(from, to) || isMoved(from, to);
  return to.some((_, index) => from.join() === without(to, index).join());
}

/**
 * A round trip that goes along every pair (from, to) which `wanted` names, each once, from the first chain back to it. There is one
 * because every pair that is wanted is wanted both ways.
 */
export function roundTrip(chains: readonly Steps[], wanted: (from: Steps, to: Steps) => boolean): readonly Steps[] {
  const ahead = new Map(chains.map((from) => [from, chains.filter((to) => wanted(from, to))]));
  const path: Steps[] = [chains[0] as Steps];
  const trip: Steps[] = [];
  while (path.length > 0) {
    const next = ahead.get(path.at(-1) as Steps)?.pop();
    if (next === undefined) trip.push(path.pop() as Steps);
    else path.push(next);
  }
  return trip.reverse();
}

/** What the trace of a packet says when it met exactly this chain. */
export function octal(chain: Steps): bigint {
  return chain.reduce((digits, step) => digits * 8n + BigInt(step), 0n);
}

function isReplaced(from: Steps, to: Steps): boolean {
  return from.filter((step, index) => step !== to[index]).length === 1;
}

function isMoved(from: Steps, to: Steps): boolean {
  return from.some((step, index) => to.includes(step) && without(from, index).join() === without(to, to.indexOf(step)).join());
}

function without(chain: Steps, index: number): Steps {
  return chain.filter((_, other) => other !== index);
}
