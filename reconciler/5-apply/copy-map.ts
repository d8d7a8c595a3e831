// SPDX-License-Identifier: Apache-2.0
import { moveFields } from "../../bpf/btf/match-fields.ts";
import { type Entries, noEntries } from "../../bpf/kernel/entries.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { CopyMap } from "../model/operation.ts";

/** Fills a new map with what the one before holds, as far as it has room. Per-CPU values go over CPU by CPU. */
export async function copyMap(kernel: Kernel, { from, to, before, after, moves }: CopyMap): Promise<void> {
  const entries = await kernel.readMap(from);
  const count = Math.min(entries.count, after.maxEntries);
  const sizeOf = after.type.includes("percpu") ? roundUp : (size: number) => size;
  const [wasSize, isSize] = [sizeOf(before.valueSize), sizeOf(after.valueSize)];
  const slots = entries.valueSize / wasSize;
  const values = new Uint8Array(count * slots * isSize);
  for (let slot = 0; slot < count * slots; slot += 1) {
    values.set(moveFields(moves, entries.values.subarray(slot * wasSize, (slot + 1) * wasSize), isSize), slot * isSize);
  }
  const { keySize } = entries;
  const puts: Entries = { keySize, valueSize: slots * isSize, count, keys: entries.keys.subarray(0, count * keySize), values };
  await kernel.writeMap(to, puts, noEntries(keySize, 0));
}

/** From one CPU's value to the next one's. */
function roundUp(size: number): number {
  return (size + 7) & ~7;
}
