// SPDX-License-Identifier: Apache-2.0
import { type Entries, entryAt } from "../../bpf/kernel/entries.ts";
import { compareKeys } from "../../bpf/kernel/sort-entries.ts";
import type { DesiredMap } from "../model/desired.ts";
import type { Origin } from "../model/origin.ts";
import type { KeySample, SetKeys } from "../model/plan.ts";
import type { EntryDiff } from "./diff-entries.ts";
import { type EntryWords, entryWords } from "./print-entry.ts";

const mostSamples = 8;

/** A write to a map, for people: how many keys, and the first few in words. */
export function describeKeys(step: string, map: DesiredMap, diff: EntryDiff, btf: Uint8Array | null): SetKeys {
  const words = entryWords(map, btf);
  const samples: KeySample[] = [];
  for (let index = 0; index < Math.min(diff.puts.count, mostSamples); index += 1) {
    const [key, after] = entryAt(diff.puts, index);
    samples.push(sample(map, key, valueOf(diff.before, key), after, words));
  }
  for (let index = 0; index < Math.min(diff.deletes.count, mostSamples - samples.length); index += 1) {
    const [key] = entryAt(diff.deletes, index);
    samples.push(sample(map, key, valueOf(diff.before, key), null, words));
  }
  return {
    kind: "set-keys",
    step,
    map: map.name,
    added: diff.absent.count,
    changed: diff.puts.count - diff.absent.count,
    removed: diff.deletes.count,
    samples,
    origin: map.origin,
  };
}

function sample(map: DesiredMap, key: Uint8Array, before: Uint8Array | null, after: Uint8Array | null, words: EntryWords): KeySample {
  const value = (bytes: Uint8Array | null) => (bytes === null ? null : words.value(bytes));
  return {
    key: words.key(key),
    before: value(before),
    after: value(after),
    origin: originOf(map, key),
  };
}

function valueOf(entries: Entries, key: Uint8Array): Uint8Array | null {
  const index = indexOf(entries, key);
  return index === -1 ? null : entryAt(entries, index)[1];
}

function originOf(map: DesiredMap, key: Uint8Array): Origin | null {
  return map.entryOrigins?.[indexOf(map.entries, key)] ?? null;
}

function indexOf(entries: Entries, key: Uint8Array): number {
  for (let index = 0; index < entries.count; index += 1) {
    if (compareKeys(entries.keys, index * entries.keySize, key, 0, entries.keySize) === 0) return index;
  }
  return -1;
}
