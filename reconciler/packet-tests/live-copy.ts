// SPDX-License-Identifier: Apache-2.0
import { basename } from "node:path";
import { countersDefinition } from "../../bpf/chain/counters.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { Reasons } from "../../bpf/programs/library-program.ts";
import { performOrUndo } from "../5-apply/perform.ts";
import type { Objects } from "../5-apply/step-requests.ts";
import type { Generation, GenerationStep, Manifest } from "../model/generation.ts";
import { escapePin, type PinLayout } from "../model/pins.ts";
import { type ScratchChain, scratchChain } from "./scratch-chain.ts";

/**
 * Loads the generation that runs once more, below `layout`, attached nowhere: with the very maps that it runs with, so that tables and
 * buckets are those of now, but with counters of its own, so that only its own packets move them. What its steps write into their maps
 * stays written. Throws what an apply would.
 */
export async function openLiveCopy(
  kernel: Kernel,
  objects: Objects,
  running: Manifest,
  layout: PinLayout,
  reasonsOf: (step: string) => Reasons | null,
): Promise<ScratchChain> {
  const pin = `${layout.root}/counters`;
  const slots = running.steps.length;
  await kernel.createMap(pin, { name: "sl_counters", definition: countersDefinition(slots), btf: null });
  const steps: GenerationStep[] = [];
  // What the running chain has at tracepoints goes on watching for both.
  for (const [slot, { watch: _, ...step }] of running.steps.entries()) {
    steps.push({ ...(await withOwnReasons(kernel, objects, step, reasonsOf(step.name), layout)), slot });
  }
  const generation: Generation = { ...running, counters: { pin, family: 0, slots, next: slots }, steps };
  const directory = `${layout.root}/gen`;
  await performOrUndo(kernel, objects, [{ kind: "load", pin: directory, generation, origins: {} }], "prepare", () => undefined);
  return scratchChain(kernel, generation, directory, reasonsOf);
}

/** The step with a fresh map where it counts its reasons. */
async function withOwnReasons(
  kernel: Kernel,
  objects: Objects,
  step: GenerationStep,
  reasons: Reasons | null,
  layout: PinLayout,
): Promise<GenerationStep> {
  if (reasons === null) return step;
  const spec = objects.spec(step.object);
  const counted = spec.maps.find(({ name }) => name === reasons.map);
  if (counted === undefined) return step;
  const maps = step.maps.map((map) =>
    map.name === counted.name ? { ...map, pin: `${layout.root}/steps/${escapePin(step.name)}/${basename(map.pin)}` } : map,
  );
  const pin = maps.find((map) => map.name === counted.name)?.pin;
  if (pin !== undefined) await kernel.createMap(pin, { name: "sl_reasons", definition: counted.definition, btf: spec.btf });
  return { ...step, maps };
}
