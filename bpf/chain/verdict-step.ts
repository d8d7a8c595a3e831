// SPDX-License-Identifier: Apache-2.0
import { exit, mov64Imm } from "../asm/build.ts";
import type { RelocatedProgram } from "../object/relocated-program.ts";
import type { StepToLink } from "./linked-chain.ts";

/** Stands for any license: the instructions are the chain's own. */
const anyLicense = "";

/** The program of a step that only has a verdict. It goes with any license, and with packets of several pieces or without. */
export function verdictProgram(verdict: number): RelocatedProgram {
  return {
    name: "verdict",
    license: anyLicense,
    instructions: [mov64Imm(0, verdict), exit()],
    btf: null,
    functions: [],
    lines: [],
    frags: false,
    processedInstructions: 2,
  };
}

/** Steps with programs that somebody has written: what a chain declares depends on them alone. */
export function writtenSteps(steps: readonly StepToLink[]): readonly StepToLink[] {
  return steps.filter(({ program }) => program.license !== anyLicense);
}

/** Whether a chain may be loaded for packets of several pieces: when every program asks for them. */
export function takesFragments(steps: readonly StepToLink[]): boolean {
  const written = writtenSteps(steps);
  return written.length > 0 && written.every(({ program }) => program.frags);
}
