// SPDX-License-Identifier: Apache-2.0
import type { MapBinding, RelocateRequest } from "../../bpf/kernel/kernel.ts";
import type { RelocatedProgram } from "../../bpf/object/relocated-program.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
import type { Generation, GenerationStep } from "../model/generation.ts";

/** ELF files by their digest, and what libbpf says of them. */
export interface Objects {
  bytes(digest: string): Uint8Array;
  spec(digest: string): ObjectSpec;
}

/** What relocating one function of a step takes. */
export function relocateRequest(objects: Objects, generation: Generation, step: GenerationStep, name: string): RelocateRequest {
  return {
    object: objects.bytes(step.object),
    function: name,
    hook: generation.hook.kind,
    globals: globalsOf(step),
    maps: Object.fromEntries(step.maps.map((map) => [map.name, map.pin])),
    frags: takesFrags(objects, generation),
  };
}

/** The linker's rule, known before anything is relocated: a chain takes packets of several fragments when every step does. */
export function takesFrags(objects: Objects, { steps }: Generation): boolean {
  const programs = steps.filter(({ verdict }) => verdict === undefined);
  return programs.every((step) => objects.spec(step.object).programs.some(({ name, frags }) => name === step.function && frags));
}

/** The maps of a step by their names in the object: pinned ones, and constants made for the program that uses them. */
export function bindStep(objects: Objects, step: GenerationStep, program: RelocatedProgram | undefined): ReadonlyMap<string, MapBinding> {
  const bindings = new Map<string, MapBinding>(step.maps.map(({ name, pin }) => [name, { kind: "pinned", path: pin }]));
  const spec = objects.spec(step.object);
  const globals = globalsOf(step);
  for (const { name, role, definition, initial } of spec.maps) {
    if (role !== "rodata" && role !== "kconfig") continue;
    const kconfig = role === "kconfig" ? program?.kconfig : undefined;
    const value = kconfig ?? globals[name] ?? initial ?? new Uint8Array(definition.valueSize);
    bindings.set(name, { kind: "constant", name: "sl_rodata", definition, value, btf: spec.btf });
  }
  return bindings;
}

function globalsOf(step: GenerationStep): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(step.globals).map(([name, base64]) => [name, new Uint8Array(Buffer.from(base64, "base64"))]));
}
