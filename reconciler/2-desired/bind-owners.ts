// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import type { DesiredMap, DesiredStep } from "../model/desired.ts";

/** Types that the first program using them binds to its kind, of which XDP frags are a part. */
const binding = ["prog_array", "devmap", "cpumap"];

/**
 * Makes other maps of those that hold programs when the chain takes packets of several fragments: the kernel refuses them to a
 * program of the other kind. A chain does when every one of its steps can.
 */
export function bindOwners(chain: readonly DesiredStep[]): readonly DesiredStep[] {
  if (!chain.every(({ frags }) => frags)) return chain;
  return chain.map((step) => {
    const bound = step.maps.some(({ definition }) => binding.includes(definition.type));
    return bound ? { ...step, maps: step.maps.map(bindToFrags) } : step;
  });
}

function bindToFrags(map: DesiredMap): DesiredMap {
  if (!binding.includes(map.definition.type)) return map;
  const incarnation = createHash("sha256").update(`${map.incarnation} frags`).digest("hex").slice(0, 16);
  return { ...map, incarnation };
}
