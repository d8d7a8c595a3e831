// SPDX-License-Identifier: Apache-2.0
import { matchFields } from "../../bpf/btf/match-fields.ts";
import { type Entries, noEntries } from "../../bpf/kernel/entries.ts";
import type { MapPin } from "../../bpf/kernel/kernel.ts";
import type { DesiredMap } from "../model/desired.ts";
import type { GenerationMap } from "../model/generation.ts";
import type { MapLayout, Migrate } from "../model/map-layout.ts";
import type { Observed, ObservedHook } from "../model/observed.ts";
import type { CopyMap, WriteMap } from "../model/operation.ts";
import type { CopiedState } from "../model/plan.ts";

/** What becomes of what a map holds, now that another one takes its place. */
export interface MapMigration {
  readonly step: string;
  readonly map: string;
  /** What the policy says. */
  readonly wanted: Migrate;
  /** null when it starts empty. */
  readonly copied: CopiedState | null;
  /** Why it cannot be copied; null where it can. */
  readonly obstacle: string | null;
  readonly operations: readonly (CopyMap | WriteMap)[];
}

/** Types of map between which contents can go over. */
const families: readonly (readonly string[])[] = [
  ["hash", "lru_hash"],
  ["percpu_hash", "lru_percpu_hash"],
  ["array"],
  ["percpu_array"],
  ["lpm_trie"],
];

/** How a new map follows the one that the running generation uses; null when there is none, or its contents are not to go over. */
export function migrateMap(
  observed: ObservedHook,
  step: string,
  map: DesiredMap,
  pin: string,
  applied: Observed["applied"],
): MapMigration | null {
  const old = predecessor(observed, step, map.name);
  if (old === null || map.layout === undefined || map.migrate === undefined) return null;
  const base = { step, map: map.name, wanted: map.migrate, copied: null, obstacle: null, operations: [] };
  if (map.migrate === "fresh") return base;
  const obstacle = old.layout === undefined ? "the layout of the old one is not known" : obstacleTo(old.layout, map.layout);
  if (obstacle !== null || old.layout === undefined) return { ...base, obstacle };
  const { moves, dropped, added } = match(old.layout, map.layout);
  const { maxEntries: roomBefore } = old.layout;
  const copied = { map: map.name, dropped, added, roomBefore, roomAfter: map.layout.maxEntries };
  if (map.migrate === "refuse") return { ...base, copied };
  const copy: CopyMap = { kind: "copy-map", from: old.pin, to: pin, before: old.layout, after: map.layout, moves };
  return { ...base, copied, operations: [copy, ...forget(pin, map, applied?.owned[old.pin])] };
}

function predecessor({ generations, maps }: ObservedHook, step: string, map: string): GenerationMap | null {
  const running = generations.find((generation) => generation.running)?.manifest;
  const old = running?.steps.find(({ name }) => name === step)?.maps.find(({ name }) => name === map) ?? null;
  return old !== null && maps.some(({ pin }) => pin.path === old.pin && isStill(pin, old)) ? old : null;
}

/** Not what somebody has pinned in its place. */
function isStill(pin: MapPin, { layout }: GenerationMap): boolean {
  return layout === undefined || (pin.type === layout.type && pin.keySize === layout.keySize && pin.valueSize === layout.valueSize);
}

function obstacleTo(before: MapLayout, after: MapLayout): string | null {
  const family = families.find((types) => types.includes(before.type));
  if (family?.includes(after.type) !== true) return `a ${before.type} does not become a ${after.type}`;
  if (before.keySize !== after.keySize || before.key !== after.key) return "its key is another one";
  if (isUntyped(before, after) && before.valueSize !== after.valueSize) return "without BTF nobody knows what is where in its value";
  return match(before, after).moves.length === 0 ? "no part of its value has the name and kind that it had" : null;
}

function match(before: MapLayout, after: MapLayout): ReturnType<typeof matchFields> {
  if (!isUntyped(before, after)) return matchFields(before.fields, after.fields);
  return { moves: [{ from: 0, to: 0, size: after.valueSize, extend: 0 }], dropped: [], added: [] };
}

function isUntyped(before: MapLayout, after: MapLayout): boolean {
  return before.fields.length === 0 || after.fields.length === 0;
}

/** Keys that the policy gave the old map and does not give any more are not to come along. */
function forget(pin: string, { entries }: DesiredMap, owned: Uint8Array | undefined): readonly WriteMap[] {
  const { keySize, valueSize } = entries;
  const keysOf = (bytes: Uint8Array): string[] =>
    Array.from({ length: bytes.length / keySize }, (_, at) =>
      Buffer.from(bytes.subarray(at * keySize, (at + 1) * keySize)).toString("hex"),
    );
  const kept = new Set(keysOf(entries.keys));
  const gone = keysOf(owned ?? new Uint8Array(0)).filter((key) => !kept.has(key));
  if (gone.length === 0) return [];
  const none = noEntries(keySize, valueSize);
  const deletes: Entries = {
    keySize,
    valueSize: 0,
    count: gone.length,
    keys: new Uint8Array(Buffer.from(gone.join(""), "hex")),
    values: new Uint8Array(0),
  };
  return [{ kind: "write-map", pin, puts: none, deletes, before: none, absent: none }];
}
