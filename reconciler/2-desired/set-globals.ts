// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "../../bpf/btf/btf-error.ts";
import { encodeValue } from "../../bpf/btf/encode.ts";
import type { Problem } from "../../bpf/btf/problem.ts";
import { findSection, type Variable, variables } from "../../bpf/btf/resolve.ts";
import type { MapSpec } from "../../bpf/object/spec.ts";
import type { OpenedObject } from "./opened-object.ts";
import { didYouMean, oneOf } from "./suggest.ts";

/** Contents of the maps of global variables that came out different from the object's, by map name. */
export interface SetGlobals {
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly problems: readonly GlobalProblem[];
}

/** What is wrong with a value given to a global variable; `path` begins with its name. */
export interface GlobalProblem {
  readonly path: readonly (string | number)[];
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** Writes values into the object's global variables, by BTF. */
export function setGlobals(object: OpenedObject, values: Readonly<Record<string, unknown>>): SetGlobals {
  const names = Object.keys(values);
  if (names.length === 0) return { contents: new Map(), problems: [] };
  const places = globalPlaces(object);
  const contents = new Map<string, Uint8Array>();
  const problems: GlobalProblem[] = [];
  for (const name of names) {
    const place = places.get(name);
    if (place === undefined) problems.push(unknownGlobal(object, name, [...places.keys()]));
    else problems.push(...setGlobal(object, place, values[name], contents));
  }
  return { contents: withoutUnchanged(object, contents), problems };
}

interface GlobalPlace {
  readonly map: MapSpec;
  readonly variable: Variable;
}

function globalPlaces(object: OpenedObject): ReadonlyMap<string, GlobalPlace> {
  const places = new Map<string, GlobalPlace>();
  for (const map of object.spec.maps) {
    const section = object.btf === null || map.initial === null ? null : findSection(object.btf, map.name);
    if (object.btf === null || section === null) continue;
    for (const variable of variables(object.btf, section)) places.set(variable.name, { map, variable });
  }
  return places;
}

function setGlobal(object: OpenedObject, place: GlobalPlace, value: unknown, contents: Map<string, Uint8Array>): readonly Problem[] {
  const { map, variable } = place;
  const encoded = encodeValue(object.btf ?? { types: [] }, variable.type, value, [variable.name]);
  if (encoded.kind === "problems") return encoded.problems;
  const content = contents.get(map.name) ?? Uint8Array.from(map.initial ?? []);
  if (variable.offset + encoded.bytes.length > content.length)
    throw new BtfError(`Variable "${variable.name}" lies outside of "${map.name}"`);
  content.set(encoded.bytes, variable.offset);
  contents.set(map.name, content);
  return [];
}

function unknownGlobal(object: OpenedObject, name: string, known: readonly string[]): GlobalProblem {
  if (object.btf === null) {
    return {
      path: [name],
      code: "no-btf",
      message: "The object has no BTF, so its global variables have no names",
      hint: "compile it with -g",
    };
  }
  const expected = known.length === 0 ? "the object has none" : `expected ${oneOf(known)}`;
  return { path: [name], code: "unknown-global", message: `Unknown global variable "${name}": ${expected}`, hint: didYouMean(name, known) };
}

function withoutUnchanged(object: OpenedObject, contents: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const initial = new Map(object.spec.maps.map((map) => [map.name, map.initial]));
  return new Map([...contents].filter(([name, content]) => Buffer.compare(content, initial.get(name) ?? new Uint8Array(0)) !== 0));
}
