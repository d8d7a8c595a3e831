// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "../../asm/instruction.ts";
import { readElf } from "../../object/elf.ts";
import type { Kernel, LoadRequest, MapBinding, RelocateRequest } from "../kernel.ts";
import { KernelError } from "../kernel-error.ts";
import { testPacketProblem } from "./check-packet.ts";
import { whyNotRunnable } from "./check-program.ts";
import { runProgram } from "./interpreter/run-program.ts";
import type { KernelState } from "./kernel-state.ts";
import { createConstantMap } from "./map-methods.ts";
import type { MemoryMap } from "./memory-map.ts";
import { type MemoryProgram, programTag } from "./memory-program.ts";
import { isOfKind } from "./program-arrays.ts";
import { refusal } from "./refuse.ts";
import { relocateFunction } from "./relocate/relocate-function.ts";

/** The device that BPF_PROG_TEST_RUN pretends the packet came in on: "lo". */
const loopback = 1;
const mostMaps = 64;

/** The methods of Kernel that are about programs. */
export function createProgramMethods(state: KernelState): Pick<Kernel, "relocate" | "load" | "run"> {
  return {
    async relocate(request) {
      const program = relocateFunction(request);
      for (const name of new Set(program.instructions.flatMap(({ map }) => (map === undefined ? [] : [map]))))
        checkBinding(state, request, name);
      refuseUnrunnable(program.name, program.instructions);
      return program;
    },
    async load(pin, request) {
      const present = state.pins.get(pin);
      if (present?.kind === "program") return;
      if (present !== null) throw refusal("BPF_OBJ_PIN", "EEXIST", `Cannot load a program to "${pin}": a ${present.kind} is pinned there`);
      state.pins.check(pin);
      const program = loadProgram(state, request);
      state.pins.add(pin, program);
    },
    async run(path, { packet, repeat, ifindex }) {
      const program = state.pins.program("BPF_OBJ_GET", path);
      const problem = testPacketProblem(program.hook, packet);
      if (problem !== null) throw problem;
      const ending = runProgram(state, program, packet, { ifindex: ifindex ?? loopback, testRun: true }, repeat ?? 1);
      // What comes back starts with the metadata.
      return { verdict: ending.verdict, packet: new Uint8Array(Buffer.concat([ending.metadata, ending.packet])), nanoseconds: 0 };
    },
  };
}

/** Constants come with the object; every other map must be pinned. */
function checkBinding(state: KernelState, { function: name, maps, globals, object }: RelocateRequest, map: string): void {
  if (map.startsWith(".rodata")) {
    const size = sectionSize(object, map);
    const given = globals[map]?.length ?? size;
    if (given === size) return;
    throw refusal("bpf_map__set_initial_value", "EINVAL", `Cannot fill "${map}": it has ${size} bytes, ${given} are given`);
  }
  const pin = maps[map];
  if (pin === undefined) {
    throw refusal("bpf_object__load", "ENOENT", `Cannot relocate "${name}": it uses the map "${map}", for which no pin is given`);
  }
  state.pins.map("BPF_OBJ_GET", pin);
}

/** BPF_PROG_LOAD: binds the maps. Throws EINVAL for a reference that nothing is bound to. */
function loadProgram(state: KernelState, { chain, maps }: LoadRequest): MemoryProgram {
  refuseUnrunnable(chain.name, chain.instructions);
  const bound = new Map<string, MemoryMap>();
  for (const { map } of chain.instructions) {
    if (map === undefined || bound.has(map)) continue;
    const binding = maps[map];
    if (binding === undefined)
      throw refusal("BPF_PROG_LOAD", "ENOENT", `Cannot load "${chain.name}": nothing is bound to the map reference "${map}"`);
    bound.set(map, bindMap(state, binding));
  }
  if (bound.size > mostMaps) throw tooManyMaps(chain.name);
  const { name, hook, frags, instructions } = chain;
  for (const map of bound.values()) {
    if (map.definition.type === "prog_array" && !isOfKind(map, chain))
      throw refusal("BPF_PROG_LOAD", "EINVAL", `Cannot load "${name}": the programs of "${map.name}" are of another kind`);
  }
  const id = state.nextId("program");
  const program: MemoryProgram = { kind: "program", id, name, tag: programTag(instructions), hook, frags, instructions, maps: bound };
  state.programs.set(id, program);
  return program;
}

function tooManyMaps(name: string): KernelError {
  const log = `The total number of maps per program has reached the limit of ${mostMaps}`;
  return new KernelError(`Cannot load "${name}": the verifier refused it: ${log}`, { call: "BPF_PROG_LOAD", errno: "E2BIG", log });
}

function sectionSize(object: Uint8Array, name: string): number {
  return readElf(object).sections.find((section) => section.name === name)?.size ?? 0;
}

function bindMap(state: KernelState, binding: MapBinding): MemoryMap {
  if (binding.kind === "pinned") return state.pins.map("BPF_OBJ_GET", binding.path);
  return createConstantMap(state, binding.name, binding.definition, binding.value);
}

function refuseUnrunnable(name: string, instructions: readonly Instruction[]): void {
  const problem = whyNotRunnable(instructions);
  if (problem === null) return;
  throw new KernelError(`Cannot load "${name}": ${problem}`, { call: "BPF_PROG_LOAD", errno: "EINVAL", log: problem });
}
