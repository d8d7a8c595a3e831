// SPDX-License-Identifier: Apache-2.0
import { dirname } from "node:path";
import type { Kernel, Pin } from "../bpf/kernel/kernel.ts";
import { readManifest } from "./3-observed/read-manifest.ts";
import type { Manifest } from "./model/generation.ts";
import type { Operation } from "./model/operation.ts";
import { segmentPin, segmentsPin } from "./model/pins.ts";

/** The first pin that these operations lead to and that is not there; null when they can be performed. `pins` are all of ours. */
export async function missingPin(
  kernel: Pick<Kernel, "readMap">,
  operations: readonly Operation[],
  pins: readonly Pin[],
): Promise<string | null> {
  const pinned = new Set(pins.map((pin) => pin.path));
  for (const operation of operations) {
    const needed = neededPin(operation);
    if (needed === null) continue;
    const directory = dirname(needed);
    const manifest = pinned.has(`${directory}/manifest`) ? readManifest(await kernel.readMap(`${directory}/manifest`)) : null;
    const missing = [needed, ...splitPins(directory, manifest)].find((path) => !pinned.has(path));
    if (missing !== undefined) return missing;
  }
  return null;
}

/** Without the pin of its array, a split chain would drop what its first segment lets through. */
function splitPins(directory: string, manifest: Manifest | null): readonly string[] {
  const split = manifest?.linked.split;
  if (split === undefined) return [];
  return [segmentsPin(directory), ...split.segments.map((_, segment) => segmentPin(directory, segment))];
}

function neededPin(operation: Operation): string | null {
  if (operation.kind === "switch") return operation.to === null ? null : `${operation.to}/program`;
  if (operation.kind === "attach") return operation.generation === null ? null : `${operation.generation}/program`;
  return operation.kind === "write-map" ? operation.pin : null;
}
