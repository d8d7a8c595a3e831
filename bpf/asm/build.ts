// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "./instruction.ts";
import { arithmetic, callKinds, classes, jumps, modes, sizes, sources, wideKinds, wideOpcode } from "./opcodes.ts";

/** Registers are numbers, 0 to 10; offsets of jumps count slots from the next instruction. */
type Register = number;
type Size = keyof typeof sizes;
type Arithmetic = Exclude<keyof typeof arithmetic, "neg" | "end">;
type Comparison = Exclude<keyof typeof jumps, "ja" | "call" | "exit" | "cond">;

/** dst = src. */
export function mov64(dst: Register, src: Register): Instruction {
  return { opcode: classes.alu64 | arithmetic.mov | sources.reg, dst, src, offset: 0, imm: 0 };
}

/** dst = imm, sign extended to 64 bits. */
export function mov64Imm(dst: Register, imm: number): Instruction {
  return alu64Imm("mov", dst, imm);
}

/** dst = src, upper half cleared. */
export function mov32(dst: Register, src: Register): Instruction {
  return { opcode: classes.alu | arithmetic.mov | sources.reg, dst, src, offset: 0, imm: 0 };
}

/** dst = dst `operation` src. */
export function alu64(operation: Arithmetic, dst: Register, src: Register): Instruction {
  return { opcode: classes.alu64 | arithmetic[operation] | sources.reg, dst, src, offset: 0, imm: 0 };
}

/** dst = dst `operation` imm. */
export function alu64Imm(operation: Arithmetic, dst: Register, imm: number): Instruction {
  return { opcode: classes.alu64 | arithmetic[operation], dst, src: 0, offset: 0, imm };
}

/** dst = dst `operation` imm in 32 bits, upper half cleared. */
export function alu32Imm(operation: Arithmetic, dst: Register, imm: number): Instruction {
  return { opcode: classes.alu | arithmetic[operation], dst, src: 0, offset: 0, imm };
}

/** dst = dst `operation` src in 32 bits, upper half cleared. */
export function alu32(operation: Arithmetic, dst: Register, src: Register): Instruction {
  return { opcode: classes.alu | arithmetic[operation] | sources.reg, dst, src, offset: 0, imm: 0 };
}

/** dst = -dst in 32 bits, upper half cleared. */
export function negate32(dst: Register): Instruction {
  return { opcode: classes.alu | arithmetic.neg, dst, src: 0, offset: 0, imm: 0 };
}

/** dst = its lowest `bits`, from network byte order to this machine's or back. */
export function swapBytes(dst: Register, bits: 16 | 32): Instruction {
  return { opcode: classes.alu | arithmetic.end | sources.reg, dst, src: 0, offset: 0, imm: bits };
}

/** dst = *(size *)(src + offset). */
export function ldx(size: Size, dst: Register, src: Register, offset: number): Instruction {
  return { opcode: classes.ldx | modes.mem | sizes[size], dst, src, offset, imm: 0 };
}

/** *(size *)(dst + offset) = src. */
export function stx(size: Size, dst: Register, offset: number, src: Register): Instruction {
  return { opcode: classes.stx | modes.mem | sizes[size], dst, src, offset, imm: 0 };
}

/** *(size *)(dst + offset) = imm. */
export function st(size: Size, dst: Register, offset: number, imm: number): Instruction {
  return { opcode: classes.st | modes.mem | sizes[size], dst, src: 0, offset, imm };
}

/** Jumps always. */
export function ja(offset = 0): Instruction {
  return { opcode: classes.jmp | jumps.ja, dst: 0, src: 0, offset, imm: 0 };
}

/** Jumps when dst compares so with imm, in 64 bits. */
export function jumpIf(comparison: Comparison, dst: Register, imm: number, offset = 0): Instruction {
  return { opcode: classes.jmp | jumps[comparison], dst, src: 0, offset, imm };
}

/** Jumps when the lower half of dst compares so with imm. */
export function jumpIf32(comparison: Comparison, dst: Register, imm: number, offset = 0): Instruction {
  return { opcode: classes.jmp32 | jumps[comparison], dst, src: 0, offset, imm };
}

/** Jumps when dst compares so with src, in 64 bits. */
export function jumpIfRegister(comparison: Comparison, dst: Register, src: Register, offset = 0): Instruction {
  return { opcode: classes.jmp | jumps[comparison] | sources.reg, dst, src, offset, imm: 0 };
}

/** Jumps when the lower halves of dst and src compare so. */
export function jumpIfRegister32(comparison: Comparison, dst: Register, src: Register, offset = 0): Instruction {
  return { opcode: classes.jmp32 | jumps[comparison] | sources.reg, dst, src, offset, imm: 0 };
}

/** Calls a helper by number; clobbers r1 to r5. */
export function callHelper(helper: number): Instruction {
  return { opcode: classes.jmp | jumps.call, dst: 0, src: callKinds.helper, offset: 0, imm: helper };
}

/** Calls a function of the same program, `distance` slots from the next instruction; clobbers r1 to r5. */
export function callFunction(distance = 0): Instruction {
  return { opcode: classes.jmp | jumps.call, dst: 0, src: callKinds.function, offset: 0, imm: distance };
}

/** Leaves the function, or the program. */
export function exit(): Instruction {
  return { opcode: classes.jmp | jumps.exit, dst: 0, src: 0, offset: 0, imm: 0 };
}

/** dst = a map, by name: both slots. */
export function loadMap(dst: Register, map: string): [Instruction, Instruction] {
  return [{ ...wide(dst, wideKinds.map), map }, secondSlot(0)];
}

/** dst = the address `offset` bytes into the first value of a map: both slots. */
export function loadMapValue(dst: Register, map: string, offset = 0): [Instruction, Instruction] {
  return [{ ...wide(dst, wideKinds.mapValue), map }, secondSlot(offset)];
}

/** dst = a function of the same program, for helpers that call back: both slots. */
export function loadFunction(dst: Register, distance = 0): [Instruction, Instruction] {
  return [{ ...wide(dst, wideKinds.function), imm: distance }, secondSlot(0)];
}

/** dst = a 64-bit number: both slots. */
export function loadNumber(dst: Register, number: bigint): [Instruction, Instruction] {
  const low = Number(BigInt.asIntN(32, number));
  const high = Number(BigInt.asIntN(32, number >> 32n));
  return [{ ...wide(dst, wideKinds.number), imm: low }, secondSlot(high)];
}

function wide(dst: Register, kind: number): Instruction {
  return { opcode: wideOpcode, dst, src: kind, offset: 0, imm: 0 };
}

function secondSlot(imm: number): Instruction {
  return { opcode: 0, dst: 0, src: 0, offset: 0, imm };
}
