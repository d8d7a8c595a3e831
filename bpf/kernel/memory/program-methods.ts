// SPDX-License-Identifier: Apache-2.0
import type { Kernel, LoadRequest, MapBinding } from "../kernel.ts";
import type { KernelState } from "./kernel-state.ts";
import { createConstantMap } from "./map-methods.ts";
import type { MemoryMap } from "./memory-map.ts";
import { type MemoryProgram, programTag } from "./memory-program.ts";
import { refusal } from "./refuse.ts";

/** The methods of Kernel that are about programs. */
export function createProgramMethods(state: KernelState): Pick<Kernel, "relocate" | "load" | "run"> {
  return {
    async relocate(request) {
      throw refusal("BPF_PROG_LOAD", "ENOSYS", `Cannot relocate "${request.function}"`);
    },
    async load(pin, request) {
      const present = state.pins.get(pin);
      if (present?.kind === "program") return;
      if (present !== null) throw refusal("BPF_OBJ_PIN", "EEXIST", `Cannot load a program to "${pin}": a ${present.kind} is pinned there`);
      state.pins.check(pin);
      state.pins.add(pin, loadProgram(state, request));
    },
    async run(path) {
      throw refusal("BPF_PROG_TEST_RUN", "ENOSYS", `Cannot run "${path}"`);
    },
  };
}

/** BPF_PROG_LOAD: binds the maps. Throws EINVAL for a reference that nothing is bound to. */
function loadProgram(state: KernelState, { chain, maps }: LoadRequest): MemoryProgram {
  const bound = new Map<string, MemoryMap>();
  for (const { map } of chain.instructions) {
    if (map === undefined || bound.has(map)) continue;
    const binding = maps[map];
    if (binding === undefined)
      throw refusal("BPF_PROG_LOAD", "EINVAL", `Cannot load "${chain.name}": nothing is bound to the map reference "${map}"`);
    bound.set(map, bindMap(state, binding));
  }
  const { name, hook, frags, instructions } = chain;
  return { kind: "program", id: state.nextId("program"), name, tag: programTag(instructions), hook, frags, instructions, maps: bound };
}

function bindMap(state: KernelState, binding: MapBinding): MemoryMap {
  if (binding.kind === "pinned") return state.pins.map("BPF_OBJ_GET", binding.path);
  return createConstantMap(state, binding.name, binding.definition, binding.value);
}
