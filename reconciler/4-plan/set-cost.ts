// SPDX-License-Identifier: Apache-2.0

/** Assumed costs in microseconds, the same on every machine: one entry of a batch, and the load of the generation that a replacement needs. */
const perEntry = 1;
const perLoad = 100_000;

/** Packets that meet each change by itself are worth so many times the work to avoid. */
const worth = 4;

export interface SetCost {
  /** Estimates in seconds. */
  readonly beside: number;
  readonly byKey: number;
  /** Whether to build the set beside the old one: when that costs at most four times what the keys would. */
  readonly replaces: boolean;
}

/** Weighs filling a fresh map with `entries` and loading a generation against `changes` writes to the running map. */
export function weighSet(entries: number, changes: number): SetCost {
  const beside = entries * perEntry + perLoad;
  const byKey = changes * perEntry;
  return { beside: beside / 1e6, byKey: byKey / 1e6, replaces: beside <= worth * byKey };
}
