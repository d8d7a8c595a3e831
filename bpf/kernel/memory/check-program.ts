// SPDX-License-Identifier: Apache-2.0

import { eachInstruction, fallsThrough, functionTarget, isCall, isTailCall, jumpTarget, slotsOf } from "../../asm/inspect.ts";
import type { Instruction } from "../../asm/instruction.ts";
import { callKinds, wideKinds, wideOpcode } from "../../asm/opcodes.ts";
import { findHelper } from "./interpreter/helpers.ts";

/**
 * Why the interpreter could not run a program, in one line; null when it could. Far less than the verifier: that every jump lands on an
 * instruction, that the end is not run over, and that every helper and every kind of constant is known.
 */
export function whyNotRunnable(instructions: readonly Instruction[]): string | null {
  const starts = new Set<number>();
  for (const [index] of eachInstruction(instructions)) starts.add(index);
  for (const [index, instruction] of eachInstruction(instructions)) {
    const problem = problemAt(instruction, index, instructions.length, starts);
    if (problem !== null) return `instruction ${index}: ${problem}`;
  }
  return instructions.length === 0 ? "it has no instructions" : null;
}

function problemAt(instruction: Instruction, index: number, length: number, starts: ReadonlySet<number>): string | null {
  for (const target of [jumpTarget(instruction, index), functionTarget(instruction, index)]) {
    if (target !== null && !starts.has(target)) return `it goes to ${target}, where no instruction starts`;
  }
  if (index + slotsOf(instruction) >= length && (index + slotsOf(instruction) > length || fallsThrough(instruction))) {
    return "last insn is not an exit or jmp";
  }
  if (instruction.opcode === wideOpcode) return constantProblem(instruction);
  return isCall(instruction) ? callProblem(instruction) : null;
}

function constantProblem({ src, map }: Instruction): string | null {
  if (src === wideKinds.map || src === wideKinds.mapValue) return map === undefined ? "a map reference without a map" : null;
  return src === wideKinds.number || src === wideKinds.function ? null : `the memory kernel knows no constants of kind ${src}`;
}

function callProblem(instruction: Instruction): string | null {
  if (instruction.src === callKinds.function || isTailCall(instruction)) return null;
  if (instruction.src !== callKinds.helper) return `the memory kernel has no kernel functions, this is BTF id ${instruction.imm}`;
  try {
    findHelper(instruction.imm);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
