// SPDX-License-Identifier: Apache-2.0
import { type Entries, entryAt, noEntries, packEntries } from "../../bpf/kernel/entries.ts";
import { compareKeys, sortEntries } from "../../bpf/kernel/sort-entries.ts";
import type { DesiredMap } from "../model/desired.ts";

/** What has to be written to a map, and how it was before: the body of a write-map operation. */
export interface EntryDiff {
  readonly puts: Entries;
  readonly deletes: Entries;
  readonly before: Entries;
  readonly absent: Entries;
}

/** The least writes that make the map hold what the policy says; null when it does already. `owned`: keys that were ours before. */
export function diffEntries(map: DesiredMap, found: Entries, owned: Uint8Array | null): EntryDiff | null {
  if (isSame(found, map.entries)) return null;
  const array = isArray(map.definition.type);
  const present = sortEntries(array ? withoutZeros(found) : found);
  const wanted = array ? withoutZeros(map.entries) : map.entries;
  if (isSame(present, wanted)) return null;
  return merge(wanted, present, map.content === "whole" ? null : removable(map, owned));
}

/** Everything of the policy, for a map that was just made. */
export function fillEntries(map: DesiredMap): EntryDiff | null {
  const { keySize, valueSize } = map.definition;
  const first: [Uint8Array, Uint8Array][] = map.initial === null ? [] : [[new Uint8Array(keySize), map.initial]];
  const start = packEntries(first, keySize, valueSize);
  const wanted = map.entries.count > 0 ? map.entries : start;
  return merge(isArray(map.definition.type) ? withoutZeros(wanted) : wanted, noEntries(keySize, valueSize), null);
}

/** Entries of an array are always there; one of zeros is one that nobody has set. */
export function isArray(type: string): boolean {
  return type === "array" || type === "percpu_array";
}

/** Keys that may be deleted: those that were ours, and those the policy names with a value of zeros. */
function removable(map: DesiredMap, owned: Uint8Array | null): Entries {
  const { keySize } = map.definition;
  const keys = Buffer.concat([owned ?? new Uint8Array(0), isArray(map.definition.type) ? map.entries.keys : new Uint8Array(0)]);
  return sortEntries({ keySize, valueSize: 0, count: keys.length / keySize, keys, values: new Uint8Array(0) });
}

/** Walks both sorted lists once. `removable` null: whatever is not wanted goes. */
function merge(wanted: Entries, present: Entries, removable: Entries | null): EntryDiff | null {
  const { keySize } = wanted;
  const lists = { puts: [] as number[], deletes: [] as number[], before: [] as number[], absent: [] as number[] };
  let left = 0;
  let right = 0;
  let ours = 0;
  while (left < wanted.count || right < present.count) {
    const order =
      left === wanted.count
        ? 1
        : right === present.count
          ? -1
          : compareKeys(wanted.keys, left * keySize, present.keys, right * keySize, keySize);
    if (order < 0) {
      lists.puts.push(left);
      lists.absent.push(left);
      left += 1;
    } else if (order > 0) {
      while (removable !== null && ours < removable.count && orderOf(removable, ours, present, right) < 0) ours += 1;
      const goes = removable === null || (ours < removable.count && orderOf(removable, ours, present, right) === 0);
      if (goes) lists.deletes.push(right);
      right += 1;
    } else {
      if (!sameValue(wanted, left, present, right)) {
        lists.puts.push(left);
        lists.before.push(right);
      }
      left += 1;
      right += 1;
    }
  }
  if (lists.puts.length === 0 && lists.deletes.length === 0) return null;
  return {
    puts: pick(wanted, lists.puts),
    deletes: keysOnly(pick(present, lists.deletes)),
    before: pick(present, [...lists.before, ...lists.deletes]),
    absent: keysOnly(pick(wanted, lists.absent)),
  };
}

function orderOf(a: Entries, indexA: number, b: Entries, indexB: number): number {
  return compareKeys(a.keys, indexA * a.keySize, b.keys, indexB * a.keySize, a.keySize);
}

function sameValue(a: Entries, indexA: number, b: Entries, indexB: number): boolean {
  return compareKeys(a.values, indexA * a.valueSize, b.values, indexB * a.valueSize, a.valueSize) === 0;
}

function pick(entries: Entries, indices: readonly number[]): Entries {
  if (indices.length === entries.count) return entries;
  return packEntries(
    indices.map((index) => entryAt(entries, index)),
    entries.keySize,
    entries.valueSize,
  );
}

function keysOnly(entries: Entries): Entries {
  return { ...entries, values: new Uint8Array(0) };
}

function withoutZeros(entries: Entries): Entries {
  const { count, values, valueSize } = entries;
  const kept: number[] = [];
  for (let index = 0; index < count; index += 1) if (!isZero(values, index * valueSize, valueSize)) kept.push(index);
  return pick(entries, kept);
}

function isZero(bytes: Uint8Array, start: number, length: number): boolean {
  for (let at = start; at < start + length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

function isSame(a: Entries, b: Entries): boolean {
  return a.count === b.count && sameBytes(a.keys, b.keys) && sameBytes(a.values, b.values);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
