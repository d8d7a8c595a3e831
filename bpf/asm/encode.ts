// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "./instruction.ts";

/**
 * Writes struct bpf_insn after struct bpf_insn, little endian. A map reference is written as its `imm` stands: names mean nothing
 * to the kernel, the caller puts fds there first. Throws RangeError on a field that does not fit.
 */
export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  instructions.forEach((instruction, index) => {
    checkFields(instruction, index);
    view.setUint8(index * 8, instruction.opcode);
    view.setUint8(index * 8 + 1, (instruction.src << 4) | instruction.dst);
    view.setInt16(index * 8 + 2, instruction.offset, true);
    view.setInt32(index * 8 + 4, instruction.imm, true);
  });
  return bytes;
}

const ranges = { opcode: [0, 0xff], dst: [0, 0xf], src: [0, 0xf], offset: [-0x8000, 0x7fff], imm: [-0x80000000, 0x7fffffff] } as const;

function checkFields(instruction: Instruction, index: number): void {
  for (const [field, [lowest, highest]] of Object.entries(ranges)) {
    const value = instruction[field as keyof typeof ranges];
    if (Number.isInteger(value) && value >= lowest && value <= highest) continue;
    throw new RangeError(`Cannot encode instruction ${index}: ${field} is ${value}, expected ${lowest} to ${highest}`);
  }
}
