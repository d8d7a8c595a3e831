// SPDX-License-Identifier: Apache-2.0
import { type Classic, classicClasses, classicModes, classOfClassic, scratchSlots, successors } from "./classic.ts";

/** The most that is translated: a program of this length already is at the end of what jumps of 16 bits reach. */
export const mostClassic = 8192;

const loads = new Set([0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80]);
const loadsOfX = new Set([0x01, 0x61, 0x81, 0xb1]);
const operations = new Set([0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xa0]);

/**
 * What keeps a program from being translated, in a sentence; null when nothing does. Jumps go forward only, so that it ends; it leaves
 * through a return; every instruction is one of classic BPF, none of Linux's extensions.
 */
export function whyNotClassic(program: readonly Classic[]): string | null {
  if (program.length === 0) return "the program is empty";
  if (program.length > mostClassic) return `the program has ${program.length} instructions, at most ${mostClassic} can be translated`;
  for (const [index, instruction] of program.entries()) {
    const wrong = whyNotInstruction(instruction);
    if (wrong !== null) return `instruction ${index}: ${wrong}`;
    if (successors(instruction, index).some((next) => next >= program.length)) return `instruction ${index} leads out of the program`;
  }
  return null;
}

function whyNotInstruction(instruction: Classic): string | null {
  const { code, k } = instruction;
  const unknown = `unknown code 0x${code.toString(16)}`;
  switch (classOfClassic(instruction)) {
    case classicClasses.ld:
      return loads.has(code) ? whyNotSlot(code, k) : unknown;
    case classicClasses.ldx:
      return loadsOfX.has(code) ? whyNotSlot(code, k) : unknown;
    case classicClasses.st:
    case classicClasses.stx:
      return code > 3 ? unknown : whyNotSlot(classicModes.mem, k);
    case classicClasses.alu:
      if (!operations.has(code & 0xf0) || code > 0xff) return unknown;
      return k === 0 && (code === 0x34 || code === 0x94) ? "division by zero" : null;
    case classicClasses.jmp:
      return (code & 0xf0) > 0x40 || code > 0xff ? unknown : null;
    case classicClasses.ret:
      return code === 0x06 || code === 0x16 ? null : unknown;
    default:
      return code === 0x07 || code === 0x87 ? null : unknown;
  }
}

function whyNotSlot(code: number, k: number): string | null {
  return (code & 0xe0) === classicModes.mem && k >= scratchSlots ? `there is no M[${k}]` : null;
}
