// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { describeType } from "../../bpf/btf/describe.ts";
import { layoutOf } from "../../bpf/btf/layout.ts";
import { type Entries, noEntries } from "../../bpf/kernel/entries.ts";
import type { MapDefinition, MapSpec } from "../../bpf/object/spec.ts";
import type { DesiredMap, DeviceSlot, EntryPrinter, ProgramSlot } from "../model/desired.ts";
import type { Migrate } from "../model/map-layout.ts";
import type { Origin } from "../model/origin.ts";
import { incarnationOf } from "./incarnation.ts";
import type { OpenedObject } from "./opened-object.ts";

/** What a policy says of a map. */
export interface MapFilling {
  /** null keeps what the object says. */
  readonly maxEntries: number | null;
  readonly layout: string;
  readonly content: DesiredMap["content"];
  readonly entries: Entries;
  readonly entryOrigins: readonly Origin[] | null;
  readonly print: EntryPrinter | null;
  readonly origin: Origin;
  readonly programs?: readonly ProgramSlot[];
  readonly devices?: readonly DeviceSlot[];
  readonly shared?: string;
  readonly sensitive?: true;
}

/**
 * The maps a step needs: every one of the object but its constants, filled as the policy says. `globals` are contents of
 * maps of global variables; one of variables that can change (".data") starts afresh when its first contents do.
 */
export function desiredMaps(
  object: OpenedObject,
  fillings: ReadonlyMap<string, MapFilling>,
  globals: ReadonlyMap<string, Uint8Array>,
  origin: Origin,
  migrate: Migrate | null,
): readonly DesiredMap[] {
  const maps = object.spec.maps.filter(({ role }) => role === "map" || role === "data" || role === "bss");
  return maps.map((map) => desiredMap(object, map, fillings.get(map.name) ?? stateOf(map, origin), globals.get(map.name), migrate));
}

/** At most 15 bytes, of letters, digits and "_", with "sl_" first so that bpftool shows whose it is. */
export function kernelMapName(name: string): string {
  return `sl_${name.replace(/^\.+/, "").replaceAll(/[^A-Za-z0-9_]/g, "_")}`.slice(0, 15);
}

function desiredMap(
  object: OpenedObject,
  map: MapSpec,
  filling: MapFilling,
  content: Uint8Array | undefined,
  migrate: Migrate | null,
): DesiredMap {
  const definition = filling.maxEntries === null ? map.definition : { ...map.definition, maxEntries: filling.maxEntries };
  const layout = content === undefined ? filling.layout : `initial ${createHash("sha256").update(content).digest("hex")}`;
  return {
    name: map.name,
    kernelName: kernelMapName(map.name),
    definition,
    incarnation: incarnationOf(object, map.name, definition, layout),
    content: filling.content,
    entries: filling.entries,
    initial: content ?? (map.role === "data" ? map.initial : null),
    origin: filling.origin,
    entryOrigins: filling.entryOrigins,
    print: filling.print,
    ...migration(object, map, definition, filling.content !== "whole" && layout === "" ? migrate : null),
    ...(filling.programs === undefined ? {} : { programs: filling.programs }),
    ...(filling.devices === undefined ? {} : { devices: filling.devices }),
    ...(filling.shared === undefined ? {} : { shared: filling.shared }),
    ...(filling.sensitive === undefined ? {} : { sensitive: filling.sensitive }),
  };
}

/** State goes over where the map means what it meant: sets are filled anew, and first contents are those of the new version. */
function migration(
  object: OpenedObject,
  map: MapSpec,
  definition: MapDefinition,
  migrate: Migrate | null,
): Pick<DesiredMap, "layout" | "migrate"> {
  if (migrate === null || map.role === "data") return {};
  const { type, keySize, valueSize, maxEntries, btfKey, btfValue } = definition;
  const { btf } = object;
  const key = btf === null || btfKey === 0 ? "" : describeType(btf, btfKey);
  const fields = btf === null || btfValue === 0 ? [] : layoutOf(btf, btfValue);
  return { layout: { type, keySize, valueSize, maxEntries, key, fields }, migrate };
}

function stateOf(map: MapSpec, origin: Origin): MapFilling {
  const entries = noEntries(map.definition.keySize, map.definition.valueSize);
  return { maxEntries: null, layout: "", content: "none", entries, entryOrigins: null, print: null, origin };
}
