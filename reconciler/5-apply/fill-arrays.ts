// SPDX-License-Identifier: Apache-2.0
import { mostSegments } from "../../bpf/chain/limits.ts";
import type { LinkedChain } from "../../bpf/chain/linked-chain.ts";
import { entryAt } from "../../bpf/kernel/entries.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { RelocatedProgram } from "../../bpf/object/relocated-program.ts";
import type { ProgramSlot } from "../model/desired.ts";
import type { GenerationStep } from "../model/generation.ts";
import type { Load } from "../model/operation.ts";
import { segmentPin } from "../model/pins.ts";
import { bindStep, type Objects, relocateRequest, takesFrags } from "./step-requests.ts";

/**
 * Fills the maps of a step that lead to functions of its object, and freezes them, so that nobody changes what the policy says. The
 * functions are not linked: a step that tail-calls is itself called, so what they return is the step's verdict; what a devmap or cpumap
 * holds runs after the chain. A map that an earlier generation used is filled already.
 */
export async function fillArrays(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep): Promise<void> {
  for (const { pin, programs } of step.maps) {
    if (programs === undefined) continue;
    const filled = await indexesOf(kernel, pin);
    for (const slot of programs) if (!filled.includes(slot.index)) await fillSlot(kernel, objects, load, step, pin, slot);
    await kernel.fillProgramArray(pin, [], { freeze: true });
  }
}

async function fillSlot(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep, pin: string, slot: ProgramSlot): Promise<void> {
  const { function: name, ...entry } = slot;
  const program = name === null ? null : await loadFunction(kernel, objects, load, step, name);
  await kernel.fillProgramArray(pin, [{ ...entry, program }], { freeze: false });
  // The map holds it from here on.
  if (program !== null) await kernel.unpin([program]);
}

/** Loads a function of the step's object and pins it where a segment would be. */
async function loadFunction(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep, name: string): Promise<string> {
  const heldIn = objects.spec(step.object).programs.find((program) => program.name === name)?.heldIn;
  const held = heldIn === undefined ? {} : { heldIn };
  const program = await kernel.relocate({ ...relocateRequest(objects, load.generation, step, name), ...held });
  const chain = asItIs(load, program, takesFrags(objects, load.generation));
  const pin = segmentPin(load.pin, mostSegments - 1);
  await kernel.load(pin, { chain, maps: Object.fromEntries(bindStep(objects, step, program)), ...held });
  return pin;
}

async function indexesOf(kernel: Kernel, pin: string): Promise<readonly number[]> {
  const entries = await kernel.readMap(pin);
  return Array.from({ length: entries.count }, (_, index) => Buffer.from(entryAt(entries, index)[0]).readUInt32LE(0));
}

function asItIs(load: Load, program: RelocatedProgram, frags: boolean): LinkedChain {
  const { name, license, instructions, btf, functions, lines } = program;
  const kernelName = `sl_${name}`.slice(0, 15);
  const hook = load.generation.hook.kind;
  return { kind: "linked", name: kernelName, hook, license, frags, instructions, btf, functions, lines, steps: [] };
}
