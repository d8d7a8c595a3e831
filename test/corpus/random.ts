// SPDX-License-Identifier: Apache-2.0

/** Random choices that a seed repeats (mulberry32). */
export interface Random {
  /** 0 to below - 1. */
  below(below: number): number;
  pick<T>(items: readonly T[]): T;
  chance(probability: number): boolean;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(fraction() * limit);
  return {
    below,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    chance: (probability) => fraction() < probability,
  };
}

/** SLUICE_SEED, or a fresh one; always the same where CI decides about a change, which is not to fail for what another one did. */
export function chooseSeed(): number {
  const given = process.env["SLUICE_SEED"] ?? (process.env["CI"] ? "1" : undefined);
  return given === undefined ? Date.now() % 0x7fffffff : Number(given);
}
