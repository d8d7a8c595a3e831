// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import type { Instruction } from "../../../bpf/asm/instruction.ts";

/** Any eight bytes that are an instruction or may be one. */
export const anyInstruction: fc.Arbitrary<Instruction> = fc.record({
  opcode: fc.integer({ min: 0, max: 0xff }),
  dst: fc.integer({ min: 0, max: 15 }),
  src: fc.integer({ min: 0, max: 15 }),
  offset: fc.integer({ min: -0x8000, max: 0x7fff }),
  imm: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
});
