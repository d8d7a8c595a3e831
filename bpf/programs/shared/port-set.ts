// SPDX-License-Identifier: Apache-2.0
import type { Entries } from "../../kernel/entries.ts";
import { sortEntries } from "../../kernel/sort-entries.ts";
import type { Range } from "./numbers.ts";

const fewestPortWords = 16;

/** The map of shared/port-set.h, one bit per port, as far as the highest listed one; a single word of zeros for null. */
export function portEntries(ports: readonly Range[] | null): Entries {
  if (ports === null) return arrayEntries(new Uint8Array(8), 1);
  const words = wordsFor(Math.max(...ports.map(({ last }) => last)));
  const bits = new Uint8Array(words * 8);
  for (const { first, last } of ports) {
    for (let port = first; port <= last; port += 1) bits[port >> 3] = (bits[port >> 3] as number) | (1 << (port & 7));
  }
  return arrayEntries(bits, words);
}

/** Powers of two, and no fewer than the well-known ports need: most lists can change without another map. The programs take what lies beyond for unlisted. */
function wordsFor(last: number): number {
  let words = fewestPortWords;
  while (words * 64 <= last) words *= 2;
  return words;
}

/** All entries of an array map, in the order of key bytes: 256 comes before 1. */
export function arrayEntries(values: Uint8Array, count: number): Entries {
  const valueSize = values.length / count;
  const keys = new Uint8Array(count * 4);
  const view = new DataView(keys.buffer);
  for (let key = 0; key < count; key += 1) view.setUint32(key * 4, key, true);
  return sortEntries({ keySize: 4, valueSize, count, keys, values });
}
