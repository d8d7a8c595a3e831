// SPDX-License-Identifier: Apache-2.0
import { exit, mov64Imm } from "../../../bpf/asm/build.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import type { LinkedChain } from "../../../bpf/chain/linked-chain.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import type { MapDefinition } from "../../../bpf/object/spec.ts";

export const hashDefinition: MapDefinition = {
  type: "hash",
  keySize: 4,
  valueSize: 8,
  maxEntries: 4,
  flags: 0,
  btfKey: 0,
  btfValue: 0,
  inner: null,
};

/** Instructions as a chain that can be loaded. */
export function chainOf(hook: HookKind, instructions: readonly Instruction[], name = "constant"): LinkedChain {
  return { kind: "linked", name, hook, license: "GPL", frags: false, instructions, btf: null, functions: [], lines: [], steps: [] };
}

/** A chain that always gives the same verdict. */
export function constantChain(hook: HookKind, verdict: number): LinkedChain {
  return chainOf(hook, [mov64Imm(0, verdict), exit()]);
}
