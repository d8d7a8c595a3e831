// SPDX-License-Identifier: Apache-2.0
import type { DesiredHook, DesiredMap, DesiredStep } from "../model/desired.ts";
import type { ObservedHook, ObservedMap } from "../model/observed.ts";
import { copyNumber, firstCopy, mapPin, type PinLayout } from "../model/pins.ts";
import type { ReplaceSet } from "../model/plan.ts";
import { diffEntries } from "./diff-entries.ts";
import { servesAs } from "./serves-as.ts";
import { weighSet } from "./set-cost.ts";

export interface ChosenMaps {
  /** The same hook; the incarnations of its maps are those of the copies to use. */
  readonly desired: DesiredHook;
  readonly changes: readonly ReplaceSet[];
}

/**
 * Which copy of each map a chain uses: the one that runs, whose keys may change in place, or, when much of a set changes, another that is
 * switched to with the generation. Only sets that the policy fills as a whole are copied for that, so nothing that a program wrote is
 * lost; all changed sets of a step change in the same way, because its program may read one by the other. What somebody else has pinned
 * in the place of a map, or has frozen, is not used: the map is made anew beside it.
 */
export function chooseMaps(layout: PinLayout, desired: DesiredHook, observed: ObservedHook): ChosenMaps {
  if (observed.maps.length === 0) return { desired, changes: [] };
  const running = observed.generations.find((generation) => generation.running)?.manifest ?? null;
  const inUse = new Set(running?.steps.flatMap((step) => step.maps.map((map) => map.pin)) ?? []);
  const chosen = desired.chain.map((step) => chooseForStep(layout, desired, step, observed.maps, inUse));
  return { desired: { ...desired, chain: chosen.map(({ step }) => step) }, changes: chosen.flatMap(({ changes }) => changes) };
}

/** A set, its copies in the kernel, and how far the current one is from what the policy says. */
interface PinnedSet {
  readonly map: DesiredMap;
  readonly copies: readonly ObservedMap[];
  readonly current: ObservedMap;
  readonly changed: number;
}

function chooseForStep(
  layout: PinLayout,
  { hook }: DesiredHook,
  step: DesiredStep,
  found: readonly ObservedMap[],
  inUse: ReadonlySet<string>,
): { readonly step: DesiredStep; readonly changes: readonly ReplaceSet[] } {
  const pinOf = (map: DesiredMap) => mapPin(layout, hook, step.name, map.name, map.incarnation);
  const spoilt = { ...step, maps: step.maps.map((map) => besideSpoilt(map, pinOf(map), found, inUse)) };
  const sets = new Map<DesiredMap, PinnedSet>();
  for (const map of step.maps) {
    const set = map.content === "whole" ? pinnedSet(map, pinOf(map), found, inUse) : null;
    if (set !== null) sets.set(map, set);
  }
  if (sets.size === 0) return { step: spoilt, changes: [] };
  const changed = [...sets.values()].filter((set) => set.changed > 0 && inUse.has(set.current.pin.path));
  const total = (count: (set: PinnedSet) => number) => changed.reduce((sum, set) => sum + count(set), 0);
  const isReplaced = weighSet(
    total(({ map }) => map.entries.count),
    total((set) => set.changed),
  ).replaces;
  const changes: ReplaceSet[] = [];
  const maps = step.maps.map((map, place) => {
    const set = sets.get(map);
    if (set === undefined) return spoilt.maps[place] as DesiredMap;
    if (!isReplaced || !changed.includes(set)) return { ...map, incarnation: set.current.incarnation };
    const kept = set.copies.find((copy) => copy !== set.current && distance(map, copy) === 0);
    changes.push(describeSet(step.name, set, kept !== undefined));
    return { ...map, incarnation: kept?.incarnation ?? freshCopy(map, copiesOf(map, pinOf(map), found)) };
  });
  return { step: { ...step, maps }, changes };
}

function pinnedSet(map: DesiredMap, pin: string, found: readonly ObservedMap[], inUse: ReadonlySet<string>): PinnedSet | null {
  const copies = copiesOf(map, pin, found).filter((copy) => canBe(map, copy));
  const current = copies.find((copy) => inUse.has(copy.pin.path)) ?? copies.find((copy) => distance(map, copy) === 0) ?? copies[0];
  return current === undefined ? null : { map, copies, current, changed: distance(map, current) };
}

/** A map whose place is taken by what cannot be it goes beside that, and stays there while it is in use. One that two hooks have stays. */
function besideSpoilt(map: DesiredMap, pin: string, found: readonly ObservedMap[], inUse: ReadonlySet<string>): DesiredMap {
  const copies = copiesOf(map, pin, found);
  if (copies.length === 0 || map.sharedWith !== undefined) return map;
  const sound = copies.filter((copy) => canBe(map, copy));
  const current = sound.find((copy) => inUse.has(copy.pin.path)) ?? sound[0];
  return { ...map, incarnation: current?.incarnation ?? freshCopy(map, copies) };
}

function copiesOf({ name }: DesiredMap, pin: string, found: readonly ObservedMap[]): readonly ObservedMap[] {
  return found.filter((other) => other.map === name && firstCopy(other.pin.path) === pin);
}

function canBe({ definition, content }: DesiredMap, { pin }: ObservedMap): boolean {
  return servesAs(pin, definition, content !== "none");
}

/** How many keys would have to be written. */
function distance(map: DesiredMap, { entries }: ObservedMap): number {
  const diff = entries === null ? null : diffEntries(map, entries, null);
  return diff === null ? 0 : diff.puts.count + diff.deletes.count;
}

/** A number that no copy has: one that a crash left half filled is never used. */
function freshCopy(map: DesiredMap, copies: readonly ObservedMap[]): string {
  return `${map.incarnation}-${1 + Math.max(...copies.map((copy) => copyNumber(copy.pin.path)))}`;
}

function describeSet(step: string, { map, current, changed }: PinnedSet, isKept: boolean): ReplaceSet {
  const { maxEntries, keySize, valueSize } = map.definition;
  const cost = weighSet(map.entries.count, changed);
  return {
    kind: "replace-set",
    step,
    map: map.name,
    before: current.entries?.count ?? 0,
    after: map.entries.count,
    keys: changed,
    kept: isKept,
    bytes: isKept ? 0 : maxEntries * (keySize + valueSize),
    seconds: isKept ? 0 : cost.beside,
    secondsByKey: cost.byKey,
    origin: map.origin,
  };
}
