// SPDX-License-Identifier: Apache-2.0
import type { Entries } from "./entries.ts";

/** The same entries by ascending key bytes. Radix sort, least significant byte first: a million keys in a tenth of a second. */
export function sortEntries(entries: Entries): Entries {
  const { keySize, valueSize, count } = entries;
  if (isSorted(entries)) return entries;
  const order = sortedOrder(entries);
  const keys = inOrder(entries.keys, keySize, order);
  const values = entries.values.length === 0 ? entries.values : inOrder(entries.values, valueSize, order);
  return { keySize, valueSize, count, keys, values };
}

/** Byte by byte: keys and values are short, and a view for each of a million costs more than what it shows. */
function inOrder(bytes: Uint8Array, size: number, order: Uint32Array): Uint8Array {
  const ordered = new Uint8Array(bytes.length);
  let to = 0;
  for (const index of order) {
    const end = (index + 1) * size;
    for (let from = index * size; from < end; from += 1) ordered[to++] = bytes[from] as number;
  }
  return ordered;
}

/** Orders two keys, each at an offset of a buffer, by their bytes. */
export function compareKeys(a: Uint8Array, offsetA: number, b: Uint8Array, offsetB: number, size: number): number {
  for (let byte = 0; byte < size; byte += 1) {
    const difference = (a[offsetA + byte] as number) - (b[offsetB + byte] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isSorted({ keys, keySize, count }: Entries): boolean {
  for (let index = 1; index < count; index += 1) {
    if (compareKeys(keys, (index - 1) * keySize, keys, index * keySize, keySize) > 0) return false;
  }
  return true;
}

function sortedOrder({ keys, keySize, count }: Entries): Uint32Array {
  let order = Uint32Array.from({ length: count }, (_, index) => index);
  let spare = new Uint32Array(count);
  const starts = new Uint32Array(256);
  for (let byte = keySize - 1; byte >= 0; byte -= 1) {
    starts.fill(0);
    for (let at = byte; at < count * keySize; at += keySize) starts[keys[at] as number] = (starts[keys[at] as number] as number) + 1;
    if (starts.includes(count)) continue;
    let sum = 0;
    for (let value = 0; value < 256; value += 1) {
      const size = starts[value] as number;
      starts[value] = sum;
      sum += size;
    }
    for (let place = 0; place < count; place += 1) {
      const index = order[place] as number;
      const value = keys[index * keySize + byte] as number;
      spare[starts[value] as number] = index;
      starts[value] = (starts[value] as number) + 1;
    }
    [order, spare] = [spare, order];
  }
  return order;
}
