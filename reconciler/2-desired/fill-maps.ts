// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { noEntries } from "../../bpf/kernel/entries.ts";
import type { MapSpec } from "../../bpf/object/spec.ts";
import type { Step } from "../../schemas/chain.generated.ts";
import type { MapFilling } from "./desired-maps.ts";
import { mapEntries } from "./map-entries.ts";
import { mapReferences, referenceKind } from "./map-references.ts";
import type { OpenedObject } from "./opened-object.ts";
import { faultAt, faultAtKey, originOf, type StepPlace } from "./step-place.ts";
import { didYouMean, oneOf } from "./suggest.ts";
import { nodeAt, type YamlPath } from "./yaml-tree.ts";

/** What a step gives for the maps of an own object, by map name; `globals` are the contents of its maps of global variables. */
export function fillMaps(
  place: StepPlace,
  step: Step,
  object: OpenedObject,
  globals: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, MapFilling> {
  const fillings = new Map<string, MapFilling>();
  const known = object.spec.maps.filter((map) => map.role === "map");
  for (const name of Object.keys(step.maps ?? {})) {
    const map = known.find((candidate) => candidate.name === name);
    if (map === undefined) unknownMap(place, ["maps", name], name, object);
    else fillings.set(name, fillMap(place, object, map, globals, (step.sensitive ?? []).includes(name)));
  }
  for (const [index, name] of (step.sensitive ?? []).entries()) {
    if (!known.some((map) => map.name === name)) unknownMap(place, ["sensitive", index], name, object);
  }
  return fillings;
}

/** Reports a name that is no map of the object. */
export function unknownMap(place: StepPlace, path: YamlPath, name: string, object: OpenedObject): void {
  const names = object.spec.maps.filter((map) => map.role === "map").map((map) => map.name);
  const expected = names.length === 0 ? "the object has none" : `expected ${oneOf(names)}`;
  const isGlobals = object.spec.maps.some((map) => map.name === name);
  const hint = isGlobals ? `variables are set by "globals"` : didYouMean(name, names);
  faultAtKey(place, path, { code: "unknown-map", message: `Unknown map "${name}": ${expected}`, hint });
}

function fillMap(
  place: StepPlace,
  object: OpenedObject,
  map: MapSpec,
  globals: ReadonlyMap<string, Uint8Array>,
  isSensitive: boolean,
): MapFilling {
  const isPlain = referenceKind(map, nodeAt(place.node, ["maps", map.name])) === null;
  return isPlain ? fillPlainly(place, object, map, isSensitive) : fillByName(place, object, map, globals);
}

function fillPlainly(place: StepPlace, object: OpenedObject, map: MapSpec, isSensitive: boolean): MapFilling {
  const at = ["maps", map.name];
  const { entries, places, problems } = mapEntries(object, map, nodeAt(place.node, at));
  for (const { path, aboutKey, ...problem } of problems) {
    const isAboutValue = !aboutKey && path.length > 0 && !(typeof path[0] === "number" && path[1] === "key");
    // What is wrong with a value says what it is.
    const message = `A value of map "${map.name}" does not fit its type; it is sensitive, so it is not shown`;
    const fault = isSensitive && isAboutValue ? { code: problem.code, message } : problem;
    (aboutKey ? faultAtKey : faultAt)(place, [...at, ...path], fault);
  }
  const isTyped = object.btf !== null && map.definition.btfKey !== 0 && map.definition.btfValue !== 0;
  return {
    maxEntries: null,
    layout: "",
    content: "keys",
    entries,
    entryOrigins: places.map((path) => originOf(place, [...at, ...path])),
    print: isTyped ? { kind: "btf" } : null,
    origin: originOf(place, at),
    ...(isSensitive ? { sensitive: true } : {}),
  };
}

/**
 * Functions decide what the map is, because whatever changes in them makes other programs: another one is filled and switched to.
 * Devices alone come and go with the host, so their keys are written in place.
 */
function fillByName(place: StepPlace, object: OpenedObject, map: MapSpec, globals: ReadonlyMap<string, Uint8Array>): MapFilling {
  const at = ["maps", map.name];
  const { references, problems } = mapReferences(object.spec, place.hook, map, nodeAt(place.node, at));
  for (const { path, aboutKey, ...fault } of problems) (aboutKey ? faultAtKey : faultAt)(place, [...at, ...path], fault);
  const { keySize, valueSize } = map.definition;
  const base = { maxEntries: null, entries: noEntries(keySize, valueSize), entryOrigins: null, print: null, origin: originOf(place, at) };
  const devices = references.flatMap(({ key, device, place: path }) =>
    device === null ? [] : [{ key, device, origin: originOf(place, [...at, ...path]) }],
  );
  const named = devices.length === 0 ? {} : { devices };
  if (references.every((reference) => reference.function === null)) return { ...base, layout: "", content: "keys", devices };
  const programs = references.map(({ key, function: name, qsize }) => ({
    index: key,
    function: name,
    ...(qsize === null ? {} : { first: qsize }),
  }));
  return { ...base, layout: programsLayout(object, programs, globals), content: "none", programs, ...named };
}

function programsLayout(object: OpenedObject, programs: readonly object[], globals: ReadonlyMap<string, Uint8Array>): string {
  const contents = [...globals].map(([name, content]) => [name, Buffer.from(content).toString("hex")]).sort();
  const text = JSON.stringify([object.spec.digest, programs, contents]);
  return `programs ${createHash("sha256").update(text).digest("hex")}`;
}
