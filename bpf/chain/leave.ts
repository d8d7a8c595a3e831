// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { callFunction, ldx, st, stx } from "../asm/build.ts";
import { framePointer } from "../asm/opcodes.ts";
import { readBtf } from "../btf/read.ts";
import type { RelocatedProgram } from "../object/relocated-program.ts";
import type { Body } from "./body.ts";
import { functionName } from "./function-name.ts";

/** What a step's function is called, or begins with, that is to see how packets leave the chain. */
const leaveName = "sluice_leave";

/**
 * The number of a step's function `sluice_leave…(context, verdict, step)`, which is called for each packet that leaves the chain, after
 * the verdict is known; null when it has none. What it returns is not looked at. It is an ordinary function of the step's program, which
 * the step itself must be able to call, so that the verifier and libbpf know it.
 */
export function findLeaveFunction(program: RelocatedProgram, body: Body): number | null {
  if (program.btf === null || body.functions.length < 2 || !Buffer.from(program.btf).includes(leaveName)) return null;
  const btf = readBtf(program.btf);
  const found = body.functions.findIndex((own, number) => number > 0 && functionName(program, btf, own, number).startsWith(leaveName));
  return found < 0 ? null : found;
}

/** By what a leaving packet's step is told: FNV-1a of its name, and 0 for the end of the chain. 32 bits. */
export function stepTag(step: string): number {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(step)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  return state;
}

/** Before a step, or the end: remembers who decides. The slot holds the verdict in its first half, the tag in its second. */
export function noteStep(slot: number, tag: number): Line {
  return st("w", framePointer, slot + 4, tag | 0);
}

/** The verdict in r0 is kept, in its lower half, which is all of it that the kernel reads. `functions` are labels. */
export function callLeaveFunctions(slot: number, context: number, functions: readonly string[]): Line[] {
  const calls = functions.flatMap((label): Line[] => [
    ldx("dw", 1, framePointer, context),
    ldx("w", 2, framePointer, slot),
    ldx("w", 3, framePointer, slot + 4),
    { instruction: callFunction(), to: label },
  ]);
  return [stx("w", framePointer, slot, 0), ...calls, ldx("w", 0, framePointer, slot)];
}
