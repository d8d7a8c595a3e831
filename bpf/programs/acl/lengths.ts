// SPDX-License-Identifier: Apache-2.0
import type { AddressSource } from "./addresses.ts";

/** struct lengths of the object: how one side of one family is looked up. */
export interface Lengths {
  /** Lengths to probe the hash for, longest first. */
  readonly length: readonly number[];
  readonly probes: number;
  /** 1 when the trie has to be asked as well. */
  readonly trie: number;
}

/** How a family's prefixes are divided among hash and trie, and how each side finds them. */
export interface FamilyLookup {
  readonly inTrie: (length: number) => boolean;
  readonly src: Lengths;
  readonly dst: Lengths;
}

/** A probe of the hash costs about a twelfth of a walk through a trie of 20,000 prefixes. */
const fewLengths = 12;
/** A large trie costs more to walk, and five times as much to fill. */
const manyPrefixes = 100_000;
/** PROBES of the object. */
const mostLengths = 32;

/** Decides by the number of prefixes and of their different lengths alone: the same lists always give the same maps. */
export function chooseLookup(family: "v4" | "v6", sources: readonly AddressSource[]): FamilyLookup {
  const host = family === "v4" ? 32 : 128;
  const lists = sources.map(({ set }) => set[family]);
  const count = lists.reduce((sum, list) => sum + list.count, 0);
  const lengths = distinctLengths(lists.map((list) => list.lengths));
  const useTrie = lengths.length > (count < manyPrefixes ? fewLengths : mostLengths);
  const inTrie = (length: number): boolean => useTrie && length !== host;
  const side = (name: "src" | "dst"): Lengths => {
    const own = distinctLengths(sources.filter((source) => source[name] !== 0n).map(({ set }) => set[family].lengths));
    const probed = own.filter((length) => !inTrie(length));
    return { length: probed, probes: probed.length, trie: Number(probed.length < own.length) };
  };
  return { inTrie, src: side("src"), dst: side("dst") };
}

/** Longest first. */
function distinctLengths(lists: readonly Uint8Array[]): readonly number[] {
  const seen = new Uint8Array(129);
  for (const lengths of lists) for (const length of lengths) seen[length] = 1;
  return Array.from(seen.keys())
    .filter((length) => seen[length] === 1)
    .reverse();
}
