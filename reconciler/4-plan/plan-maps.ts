// SPDX-License-Identifier: Apache-2.0
import { countersDefinition } from "../../bpf/chain/counters.ts";
import type { DesiredHook, DesiredMap } from "../model/desired.ts";
import type { Generation } from "../model/generation.ts";
import type { Hook } from "../model/hook.ts";
import type { Observed, ObservedHook } from "../model/observed.ts";
import type { CopyMap, CreateMap, WriteMap } from "../model/operation.ts";
import { mapPin, type PinLayout } from "../model/pins.ts";
import type { SetKeys } from "../model/plan.ts";
import { describeKeys } from "./describe-keys.ts";
import { diffEntries, type EntryDiff, fillEntries } from "./diff-entries.ts";
import { type MapMigration, migrateMap } from "./migrate-map.ts";

export interface MapPlan {
  /** New maps and their first contents. */
  readonly prepare: readonly (CreateMap | WriteMap)[];
  /** What new maps take over from those before them: after everything else is prepared, so that little is written in between. */
  readonly takeOver: readonly (CopyMap | WriteMap)[];
  /** Keys of maps that are there already. */
  readonly commit: readonly WriteMap[];
  readonly changes: readonly SetKeys[];
  readonly migrations: readonly MapMigration[];
  /** Keys that are ours afterwards, by pin. */
  readonly owned: Readonly<Record<string, Uint8Array>>;
}

/** What has to happen to the maps of a chain. `btf` gives the BTF of an object by its digest. */
export function planMaps(
  layout: PinLayout,
  desired: DesiredHook,
  observed: ObservedHook,
  applied: Observed["applied"],
  btf: (object: string) => Uint8Array | null,
): MapPlan {
  const plan = {
    prepare: [] as (CreateMap | WriteMap)[],
    takeOver: [] as (CopyMap | WriteMap)[],
    commit: [] as WriteMap[],
    changes: [] as SetKeys[],
    migrations: [] as MapMigration[],
    owned: {} as Record<string, Uint8Array>,
  };
  const found = new Map(observed.maps.map((map) => [map.pin.path, map]));
  for (const step of desired.chain) {
    for (const map of step.maps) {
      const pin = mapPin(layout, desired.hook, step.name, map.name, map.incarnation);
      if (map.content === "keys") plan.owned[pin] = map.entries.keys;
      const there = found.get(pin);
      if (there === undefined) {
        const migration = migrateMap(observed, step.name, map, pin, applied);
        plan.prepare.push(createMap(pin, map, btf(step.object), sharedPins(layout, desired.hook, map)));
        if (migration === null || migration.operations.length === 0) plan.prepare.push(...writeMap(pin, fillEntries(map)));
        else plan.takeOver.push(...migration.operations, ...writeMap(pin, fillEntries(map)));
        if (migration !== null) plan.migrations.push(migration);
      } else if (map.content !== "none" && there.entries !== null) {
        const diff = diffEntries(map, there.entries, applied?.owned[pin] ?? null);
        plan.commit.push(...writeMap(pin, diff));
        if (diff !== null) plan.changes.push(describeKeys(step.name, map, diff, btf(step.object)));
      }
    }
  }
  return plan;
}

/** The counters map of a new generation, where there is none yet. */
export function planCounters(generation: Generation, observed: ObservedHook): readonly CreateMap[] {
  const { counters } = generation;
  if (counters === null || observed.counters.some((found) => found.pin.path === counters.pin)) return [];
  return [
    { kind: "create-map", pin: counters.pin, request: { name: "sl_counters", definition: countersDefinition(counters.slots), btf: null } },
  ];
}

function createMap(pin: string, map: DesiredMap, btf: Uint8Array | null, sameAs: readonly string[]): CreateMap {
  const request = { name: map.kernelName, definition: map.definition, btf, ...(sameAs.length === 0 ? {} : { sameAs }) };
  return { kind: "create-map", pin, request };
}

/** Where other steps of the interface have pinned the map, or will. */
function sharedPins(layout: PinLayout, hook: Hook, { name, incarnation, sharedWith = [] }: DesiredMap): readonly string[] {
  return sharedWith.map((other) => mapPin(layout, { interface: hook.interface, kind: other.hook }, other.step, name, incarnation));
}

function writeMap(pin: string, diff: EntryDiff | null): readonly WriteMap[] {
  return diff === null ? [] : [{ kind: "write-map", pin, ...diff }];
}
