// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import type { Instruction } from "../../asm/instruction.ts";
import type { HookKind } from "../kernel.ts";
import type { MemoryMap } from "./memory-map.ts";

/** A loaded program of the memory kernel. */
export interface MemoryProgram {
  readonly kind: "program";
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly hook: HookKind;
  readonly frags: boolean;
  readonly instructions: readonly Instruction[];
  /** What each map reference of the instructions stands for. */
  readonly maps: ReadonlyMap<string, MemoryMap>;
}

/** 16 hex digits over the instructions, whatever maps they name; as little comparable with other kernels as any real one. */
export function programTag(instructions: readonly Instruction[]): string {
  const digest = createHash("sha256");
  for (const { opcode, dst, src, offset, imm } of instructions) digest.update(`${opcode},${dst},${src},${offset},${imm};`);
  return digest.digest("hex").slice(0, 16);
}
