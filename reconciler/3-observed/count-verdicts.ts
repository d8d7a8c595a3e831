// SPDX-License-Identifier: Apache-2.0
import { verdictName } from "../../bpf/chain/verdict.ts";
import type { Entries } from "../../bpf/kernel/entries.ts";
import type { HookKind } from "../../bpf/kernel/kernel.ts";

/** Packets for which a step gave one verdict. */
export interface VerdictCount {
  /** "drop"; "other" for verdicts that are none of the hook's. */
  readonly verdict: string;
  readonly packets: bigint;
}

/** A map of counters as the kernel gives it: one entry, with one table of rows per possible CPU. */
export interface CountersMap {
  readonly slots: number;
  readonly entries: Entries;
}

/**
 * What a step has counted, over all CPUs and over all maps of its family; verdicts it never gave are left out.
 *
 *     value of one CPU:  slots rows × 16 columns of u64, column = verdict + 1 for -1 to 14, 15 for every other verdict
 */
export function countVerdicts(hook: HookKind, slot: number, maps: readonly CountersMap[]): readonly VerdictCount[] {
  const totals = new Array<bigint>(columns).fill(0n);
  for (const map of maps) {
    if (slot >= 0 && slot < map.slots) addRow(totals, slot, map);
  }
  return totals.flatMap((packets, column) => (packets === 0n ? [] : [{ verdict: columnName(hook, column), packets }]));
}

const columns = 16;

function addRow(totals: bigint[], slot: number, { slots, entries }: CountersMap): void {
  const table = slots * columns * 8;
  const view = new DataView(entries.values.buffer, entries.values.byteOffset, entries.values.byteLength);
  for (let start = 0; start + table <= view.byteLength; start += table) {
    for (let column = 0; column < columns; column++) {
      totals[column] = (totals[column] ?? 0n) + view.getBigUint64(start + (slot * columns + column) * 8, littleEndian);
    }
  }
}

/** The kernel's own byte order. */
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function columnName(hook: HookKind, column: number): string {
  return column === columns - 1 ? "other" : verdictName(hook, column - 1);
}
