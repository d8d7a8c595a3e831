// SPDX-License-Identifier: Apache-2.0
import { type Entries, noEntries } from "../../kernel/entries.ts";
import { sortEntries } from "../../kernel/sort-entries.ts";
import { type PrefixList, prefixOrder, samePrefix } from "../shared/address-set.ts";
import type { AddressSource } from "./addresses.ts";

/** Entries of the two maps of one family. Keys are a u32 length and the address, values two little-endian words: rules by source, by destination. */
export interface FamilyMaps {
  readonly hash: Entries;
  readonly trie: Entries;
}

const valueSize = 16;
const wordsPerValue = 4;

/**
 * Gives every prefix the rules of all prefixes that cover it, so that the longest one that holds an address tells all its rules. Runs over the
 * prefixes once, in an order where each stands before those it covers. Prefixes that `inTrie` names by their length go to the trie.
 */
export function closeFamily(family: "v4" | "v6", sources: readonly AddressSource[], inTrie: (length: number) => boolean): FamilyMaps {
  const all = concatenate(
    family === "v4" ? 4 : 16,
    sources.map(({ set }) => set[family]),
  );
  const order = prefixOrder(all.size, all.count, all.addresses, all.lengths);
  const isInTrie = Array.from({ length: all.size * 8 + 1 }, (_, length) => inTrie(length));
  const trieCount = all.lengths.reduce((count, length) => count + Number(isInTrie[length]), 0);
  const hash = output(all.size + 4, all.count - trieCount);
  const trie = output(all.size + 4, trieCount);
  const covering = coveringStack(all);
  const words = sources.map(({ src, dst }) => wordsOf(src, dst));
  for (let place = 0; place < all.count; ) {
    const index = order[place] as number;
    const value = covering.enter(index);
    for (; place < all.count && samePrefix(all.size, all.addresses, all.lengths, index, order[place] as number); place += 1) {
      addWords(value, words[all.owners[order[place] as number] as number] as Uint32Array);
    }
    emit(all, index, value, isInTrie[all.lengths[index] as number] === true ? trie : hash);
  }
  return { hash: sortEntries(finish(hash)), trie: sortEntries(finish(trie)) };
}

interface Owned extends PrefixList {
  /** Which source each prefix comes from. */
  readonly owners: Uint8Array;
}

function concatenate(size: number, lists: readonly PrefixList[]): Owned {
  const count = lists.reduce((sum, list) => sum + list.count, 0);
  const all = { size, count, addresses: new Uint8Array(count * size), lengths: new Uint8Array(count), owners: new Uint8Array(count) };
  let at = 0;
  lists.forEach((list, owner) => {
    all.addresses.set(list.addresses, at * size);
    all.lengths.set(list.lengths, at);
    all.owners.fill(owner, at, at + list.count);
    at += list.count;
  });
  return all;
}

/** The prefixes that cover the current one, widest first, each with its closed value. */
function coveringStack({ size, addresses, lengths }: Owned): { enter(index: number): Uint32Array } {
  const members = new Uint32Array(size * 8 + 1);
  // One more before the first, always zero: what covers the widest prefix.
  const values = Array.from({ length: members.length + 1 }, () => new Uint32Array(wordsPerValue));
  let depth = 0;
  return {
    /** Makes a prefix the innermost one; its value starts as that of the prefix around it. */
    enter(index) {
      while (depth > 0 && !covers(size, addresses, lengths, members[depth - 1] as number, index)) depth -= 1;
      const around = values[depth] as Uint32Array;
      members[depth] = index;
      depth += 1;
      const value = values[depth] as Uint32Array;
      for (let word = 0; word < wordsPerValue; word += 1) value[word] = around[word] as number;
      return value;
    },
  };
}

function covers(size: number, addresses: Uint8Array, lengths: Uint8Array, outer: number, inner: number): boolean {
  const length = lengths[outer] as number;
  const whole = length >> 3;
  for (let byte = 0; byte < whole; byte += 1) {
    if (addresses[outer * size + byte] !== addresses[inner * size + byte]) return false;
  }
  const rest = length & 7;
  if (rest === 0) return true;
  const difference = (addresses[outer * size + whole] as number) ^ (addresses[inner * size + whole] as number);
  return difference >> (8 - rest) === 0;
}

interface Output {
  readonly keySize: number;
  readonly keys: Uint8Array;
  readonly values: Uint32Array;
  count: number;
}

function output(keySize: number, room: number): Output {
  return { keySize, keys: new Uint8Array(room * keySize), values: new Uint32Array(room * wordsPerValue), count: 0 };
}

function emit({ size, addresses, lengths }: Owned, index: number, value: Uint32Array, target: Output): void {
  const key = target.count * target.keySize;
  target.keys[key] = lengths[index] as number;
  for (let byte = 0; byte < size; byte += 1) target.keys[key + 4 + byte] = addresses[index * size + byte] as number;
  for (let word = 0; word < wordsPerValue; word += 1) target.values[target.count * wordsPerValue + word] = value[word] as number;
  target.count += 1;
}

function finish({ keySize, keys, values, count }: Output): Entries {
  if (count === 0) return noEntries(keySize, valueSize);
  return {
    keySize,
    valueSize,
    count,
    keys: keys.subarray(0, count * keySize),
    values: new Uint8Array(values.buffer, 0, count * valueSize),
  };
}

function wordsOf(src: bigint, dst: bigint): Uint32Array {
  return Uint32Array.from([src, src >> 32n, dst, dst >> 32n], (word) => Number(word & 0xffffffffn));
}

function addWords(value: Uint32Array, words: Uint32Array): void {
  for (let word = 0; word < wordsPerValue; word += 1) value[word] = (value[word] as number) | (words[word] as number);
}
