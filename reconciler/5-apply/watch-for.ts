// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { Generation, GenerationStep } from "../model/generation.ts";
import { type Objects, relocateRequest } from "./step-requests.ts";

/**
 * Attaches what a step has at a tracepoint, unless it is there, and has it look at all there is. Its maps may be those of another
 * generation that runs: two that watch count everything once.
 */
export async function watchFor(kernel: Kernel, objects: Objects, pin: string, generation: Generation, step: GenerationStep): Promise<void> {
  if (step.watch === undefined) return;
  const { object, globals, maps } = relocateRequest(objects, generation, step, step.watch.function);
  await kernel.watch(pin, { object, globals, maps, ...step.watch });
}
