// SPDX-License-Identifier: Apache-2.0
import { mostSegments } from "../../bpf/chain/limits.ts";
import type { LinkedChain } from "../../bpf/chain/linked-chain.ts";
import { entryAt } from "../../bpf/kernel/entries.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { RelocatedProgram } from "../../bpf/object/relocated-program.ts";
import type { GenerationStep } from "../model/generation.ts";
import type { Load } from "../model/operation.ts";
import { segmentPin } from "../model/pins.ts";
import { bindStep, type Objects, relocateRequest, takesFrags } from "./step-requests.ts";

/**
 * Fills the program arrays of a step with functions of its object. They are not linked: a step that tail-calls is itself called, so what
 * they return is the step's verdict. An array that an earlier generation used is filled already.
 */
export async function fillArrays(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep): Promise<void> {
  const { generation } = load;
  for (const { pin, programs = [] } of step.maps) {
    const filled = programs.length === 0 ? [] : await indexesOf(kernel, pin);
    for (const { index, function: name } of programs) {
      if (filled.includes(index)) continue;
      const program = await kernel.relocate(relocateRequest(objects, generation, step, name));
      const chain = asItIs(load, program, takesFrags(objects, generation));
      const loaded = segmentPin(load.pin, mostSegments - 1);
      await kernel.load(loaded, { chain, maps: Object.fromEntries(bindStep(objects, step, program)) });
      await kernel.fillProgramArray(pin, [{ index, program: loaded }], { freeze: false });
      // The array holds it from here on.
      await kernel.unpin([loaded]);
    }
  }
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
