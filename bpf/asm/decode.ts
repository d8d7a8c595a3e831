// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "./instruction.ts";

/** Reads struct bpf_insn after struct bpf_insn, little endian. Throws RangeError on a length that is no multiple of 8. */
export function decodeInstructions(bytes: Uint8Array): Instruction[] {
  if (bytes.length % 8 !== 0) throw new RangeError(`Cannot decode instructions: ${bytes.length} bytes are not a multiple of 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, index) => decodeSlot(view, index * 8));
}

function decodeSlot(view: DataView, at: number): Instruction {
  const registers = view.getUint8(at + 1);
  return {
    opcode: view.getUint8(at),
    dst: registers & 0x0f,
    src: registers >> 4,
    offset: view.getInt16(at + 2, true),
    imm: view.getInt32(at + 4, true),
  };
}
