// SPDX-License-Identifier: Apache-2.0
import type { MapDefinition } from "../../object/spec.ts";
import { packEntries } from "../entries.ts";
import type { Kernel } from "../kernel.ts";
import type { KernelState } from "./kernel-state.ts";
import { readEntries, writeEntries } from "./map-contents.ts";
import { createMemoryMap, holdsReferences, type MemoryMap } from "./memory-map.ts";
import { fillProgramArray } from "./program-arrays.ts";
import { refusal } from "./refuse.ts";

/** The methods of Kernel that are about maps. */
export function createMapMethods(
  state: KernelState,
): Pick<Kernel, "readMap" | "createMap" | "writeMap" | "createFrozenMap" | "fillProgramArray"> {
  return {
    async readMap(path) {
      return readEntries(state.pins.map("BPF_OBJ_GET", path));
    },
    async createMap(pin, { name, definition, sameAs = [] }) {
      const present = mapAt(state, pin);
      if (present !== null && sameDefinition(present.definition, definition)) return;
      if (present !== null)
        throw refusal("BPF_OBJ_PIN", "EEXIST", `Cannot create the map "${name}": a map of another definition is pinned at "${pin}"`);
      state.pins.check(pin);
      const other = sameAs.map((path) => mapAt(state, path)).find((map) => map !== null && sameDefinition(map.definition, definition));
      state.pins.add(pin, other ?? createMap(state, name, definition));
    },
    async writeMap(path, puts, deletes) {
      if (puts.count + deletes.count === 0) return;
      const map = state.pins.map("BPF_OBJ_GET", path);
      if (puts.count > 0 && holdsReferences(map.definition.type)) {
        // The value that user space writes is an fd, which this interface does not speak of.
        throw refusal("BPF_MAP_UPDATE_ELEM", "EBADF", `Cannot write to the ${map.definition.type} "${map.name}": the value is no fd`);
      }
      writeEntries(map, puts, deletes);
    },
    async createFrozenMap(pin, name, value) {
      const present = mapAt(state, pin);
      if (present !== null && holdsOnly(present, value)) return;
      if (present !== null) throw refusal("BPF_OBJ_PIN", "EEXIST", `Cannot create the map "${name}": another map is pinned at "${pin}"`);
      state.pins.check(pin);
      state.pins.add(pin, createConstantMap(state, name, oneEntryArray(value.length), value));
    },
    async fillProgramArray(path, programs, { freeze }) {
      const map = state.pins.map("BPF_OBJ_GET", path);
      const opened = programs.map(({ program, ...entry }) => ({
        ...entry,
        program: program === null ? null : state.pins.program("BPF_OBJ_GET", program),
      }));
      fillProgramArray(map, opened, freeze);
    },
  };
}

/** A map of one entry that nobody can change. */
export function createConstantMap(state: KernelState, name: string, definition: MapDefinition, value: Uint8Array): MemoryMap {
  const map = createMap(state, name, definition);
  writeEntries(map, packEntries([[new Uint8Array(4), value]], 4, value.length), packEntries([], 4, 0));
  map.frozen = true;
  return map;
}

function createMap(state: KernelState, name: string, definition: MapDefinition): MemoryMap {
  const map = createMemoryMap(state.nextId("map"), name, definition, state.cpus);
  state.maps.set(map.id, map);
  return map;
}

function oneEntryArray(valueSize: number): MapDefinition {
  return { type: "array", keySize: 4, valueSize, maxEntries: 1, flags: 0, btfKey: 0, btfValue: 0, inner: null };
}

/** The map pinned there, null when nothing is. Throws EEXIST for another kind of object. */
function mapAt(state: KernelState, pin: string): MemoryMap | null {
  const present = state.pins.get(pin);
  if (present === null || present.kind === "map") return present;
  throw refusal("BPF_OBJ_PIN", "EEXIST", `Cannot pin a map at "${pin}": a ${present.kind} is pinned there`);
}

function sameDefinition(a: MapDefinition, b: MapDefinition): boolean {
  return (
    a.type === b.type && a.keySize === b.keySize && a.valueSize === b.valueSize && a.maxEntries === b.maxEntries && a.flags === b.flags
  );
}

function holdsOnly(map: MemoryMap, value: Uint8Array): boolean {
  const held = map.storage.exact(new Uint8Array(4));
  return map.frozen && map.definition.maxEntries === 1 && held !== null && Buffer.compare(held, value) === 0;
}
