// SPDX-License-Identifier: Apache-2.0
import type { MapDefinition } from "../object/spec.ts";

/**
 * A hook's counters are one entry of a per-CPU array, so that a packet looks up once. Each step owns a row, found by its slot:
 *
 *     value   row 0 | row 1 | … | row slots-1
 *     row     16 × u64: verdicts -1 … 14, and one for all others
 */
export const counterColumns = 16;

/** Bytes of a row. */
export const counterRowSize = counterColumns * 8;

/** What fits into a per-CPU value, of at most 32 KiB. */
export const maxCounterSlots = 256;

const columnOfOthers = counterColumns - 1;

/** Column in which a verdict (a signed 32-bit number) is counted. */
export function counterColumn(verdict: number): number {
  return verdict >= -1 && verdict < columnOfOthers - 1 ? verdict + 1 : columnOfOthers;
}

/** The counters map with `slots` rows. Throws RangeError outside 1 to 256. */
export function countersDefinition(slots: number): MapDefinition {
  if (!Number.isInteger(slots) || slots < 1 || slots > maxCounterSlots) {
    throw new RangeError(`Cannot count ${slots} steps, expected 1 to ${maxCounterSlots}`);
  }
  return {
    type: "percpu_array",
    keySize: 4,
    valueSize: slots * counterRowSize,
    maxEntries: 1,
    flags: 0,
    btfKey: 0,
    btfValue: 0,
    inner: null,
  };
}

/** Adds up the values of all CPUs (as Kernel.readMap gives them): packets by slot, then by column. */
export function sumCounters(perCpuValues: Uint8Array, slots: number): bigint[][] {
  const valueSize = slots * counterRowSize;
  const view = new DataView(perCpuValues.buffer, perCpuValues.byteOffset, perCpuValues.byteLength);
  const sums = Array.from({ length: slots }, () => Array.from({ length: counterColumns }, () => 0n));
  for (let offset = 0; offset < perCpuValues.length; offset += 8) {
    const cell = (offset % valueSize) / 8;
    const row = sums[Math.floor(cell / counterColumns)] as bigint[];
    row[cell % counterColumns] = (row[cell % counterColumns] as bigint) + view.getBigUint64(offset, true);
  }
  return sums;
}
