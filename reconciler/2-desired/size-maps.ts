// SPDX-License-Identifier: Apache-2.0
import type { MapSpec } from "../../bpf/object/spec.ts";
import type { Step } from "../../schemas/chain.generated.ts";
import { unknownMap } from "./fill-maps.ts";
import type { OpenedObject } from "./opened-object.ts";
import { faultAt, faultAtKey, type StepPlace } from "./step-place.ts";

/** Types whose size the kernel wants to be 0, or works out itself. */
const sizeless = /^(perf_event_array|.*_storage|struct_ops)$/;

/** Types whose size is no number of entries that could be chosen. */
const unsized = /^(\.|.*_storage$|struct_ops$)/;

/** The object with the sizes that the step gives its maps; a map that is left without one is reported. */
export function sizeMaps(place: StepPlace, step: Step, object: OpenedObject): OpenedObject {
  const sizes = step.maxEntries ?? {};
  for (const name of Object.keys(sizes)) {
    const map = object.spec.maps.find((candidate) => candidate.name === name && candidate.role === "map");
    if (map === undefined) unknownMap(place, ["maxEntries", name], name, object);
    else if (unsized.test(map.definition.type)) {
      faultAtKey(place, ["maxEntries", name], {
        code: "unsuitable-map",
        message: `Map "${name}" is of type "${map.definition.type}", which has no number of entries to choose`,
      });
    }
  }
  const maps = object.spec.maps.map((map) => sized(map, sizes[map.name]));
  for (const { name, role, definition } of maps) {
    if (role !== "map" || definition.maxEntries !== 0 || sizeless.test(definition.type)) continue;
    faultAt(place, ["uses"], {
      code: "missing-size",
      message: `Map "${name}" of "${step.uses}" leaves its size to whoever loads it`,
      hint: `add "maxEntries: { ${name}: 1024 }", with the number of entries that you need`,
    });
  }
  return { ...object, spec: { ...object.spec, maps } };
}

function sized(map: MapSpec, size: number | undefined): MapSpec {
  return size === undefined || map.role !== "map" ? map : { ...map, definition: { ...map.definition, maxEntries: size } };
}
