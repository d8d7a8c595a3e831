// SPDX-License-Identifier: Apache-2.0
import { callFunction, callHelper, exit, jumpIf32, ldx, loadFunction, loadMap, mov64, mov64Imm, st, stx } from "../../../bpf/asm/build.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import type { StepToLink } from "../../../bpf/chain/linked-chain.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";

/** A helper that no kernel has: the world of the test hears that step number `n` ran, and says its verdict. */
export const stepHelper = 1000;
export const tailCallHelper = 12;

/** A program of these instructions and nothing else to say. */
export function program(instructions: readonly Instruction[], settings: Partial<RelocatedProgram> = {}): RelocatedProgram {
  return {
    name: "filter",
    license: "GPL",
    instructions,
    btf: null,
    functions: [],
    lines: [],
    frags: false,
    processedInstructions: null,
    ...settings,
  };
}

export function step(name: string, instructions: readonly Instruction[], settings: Partial<StepToLink> = {}): StepToLink {
  return { name, program: program(instructions), continueOn: [2], slot: 0, ...settings };
}

/** Bodies that ask helper `stepHelper + n` for the verdict, each in its own way. */
export const shapes: Readonly<Record<string, (n: number) => readonly Instruction[]>> = {
  plain: (n) => [callHelper(stepHelper + n), exit()],
  "several exits": (n) => [
    mov64(6, 1),
    callHelper(stepHelper + n),
    jumpIf32("ne", 0, 2, 1),
    exit(),
    jumpIf32("ne", 0, 1, 2),
    mov64Imm(0, 1),
    exit(),
    exit(),
  ],
  "deep stack": (n) => [
    st("dw", 10, -480, 5),
    st("dw", 10, -8, 6),
    callHelper(stepHelper + n),
    ldx("dw", 1, 10, -480),
    jumpIf32("eq", 1, 5, 1),
    mov64Imm(0, 99),
    exit(),
  ],
  "keeps the context itself": (n) => [stx("dw", 10, -16, 1), ldx("dw", 1, 10, -16), callHelper(stepHelper + n), exit()],
  "sub-programs": (n) => [
    mov64(6, 1),
    callFunction(2),
    mov64(7, 0),
    exit(),
    st("dw", 10, -64, 1),
    callFunction(1),
    exit(),
    callHelper(stepHelper + n),
    exit(),
  ],
  callback: (n) => [...loadFunction(3, 4), callHelper(stepHelper + n), exit(), mov64Imm(0, 0), exit(), mov64Imm(0, 1), exit()],
  map: (n) => [...loadMap(2, "rules"), callHelper(stepHelper + n), exit()],
  "tail call": (n) => [callHelper(stepHelper + n), mov64(6, 0), callHelper(tailCallHelper), mov64(0, 6), exit()],
};
