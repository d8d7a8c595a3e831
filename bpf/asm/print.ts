// SPDX-License-Identifier: Apache-2.0
import { classOf, isCall, isExit, isPacketLoad, jumpTarget } from "./inspect.ts";
import type { Instruction } from "./instruction.ts";
import { arithmetic, callKinds, classes, jumps, modes, sizes, sources, wideKinds, wideOpcode } from "./opcodes.ts";

const operators: Readonly<Record<number, string>> = {
  [arithmetic.add]: "+=",
  [arithmetic.sub]: "-=",
  [arithmetic.mul]: "*=",
  [arithmetic.div]: "/=",
  [arithmetic.or]: "|=",
  [arithmetic.and]: "&=",
  [arithmetic.lsh]: "<<=",
  [arithmetic.rsh]: ">>=",
  [arithmetic.mod]: "%=",
  [arithmetic.xor]: "^=",
  [arithmetic.mov]: "=",
  [arithmetic.arsh]: "s>>=",
};

const comparisons: Readonly<Record<number, string>> = {
  [jumps.eq]: "==",
  [jumps.gt]: ">",
  [jumps.ge]: ">=",
  [jumps.set]: "&",
  [jumps.ne]: "!=",
  [jumps.sgt]: "s>",
  [jumps.sge]: "s>=",
  [jumps.lt]: "<",
  [jumps.le]: "<=",
  [jumps.slt]: "s<",
  [jumps.sle]: "s<=",
};

const widths: Readonly<Record<number, string>> = { [sizes.w]: "u32", [sizes.h]: "u16", [sizes.b]: "u8", [sizes.dw]: "u64" };

/**
 * One instruction as bpftool and the verifier's log print it, with the map's name where it refers to one: "r1 = map[acl/rules]",
 * "if r0 != 2 goto 41". Targets are indices. What has no such form (the second slot of a ld_imm64, unknown opcodes) prints its fields.
 */
export function printInstruction(instruction: Instruction, index: number): string {
  if (instruction.opcode === wideOpcode) return printWide(instruction, index);
  if (isPacketLoad(instruction)) return printPacketLoad(instruction);
  switch (classOf(instruction)) {
    case classes.alu:
    case classes.alu64:
      return printArithmetic(instruction) ?? printRaw(instruction);
    case classes.jmp:
    case classes.jmp32:
      return printJump(instruction, index) ?? printRaw(instruction);
    case classes.ldx:
      return `r${instruction.dst} = ${memory(instruction, instruction.src)}`;
    case classes.st:
      return `${memory(instruction, instruction.dst)} = ${instruction.imm}`;
    case classes.stx:
      return printStore(instruction);
    default:
      return printRaw(instruction);
  }
}

function printWide(instruction: Instruction, index: number): string {
  const { dst, src, imm, map } = instruction;
  switch (src) {
    case wideKinds.map:
      return `r${dst} = map[${map ?? imm}]`;
    case wideKinds.mapValue:
      return `r${dst} = value of map[${map ?? imm}]`;
    case wideKinds.function:
      return `r${dst} = function at ${index + 1 + imm}`;
    default:
      return `r${dst} = ${imm} ll`;
  }
}

function printPacketLoad({ opcode, src, imm }: Instruction): string {
  const width = widths[opcode & 0x18];
  return (opcode & 0xe0) === modes.abs ? `r0 = *(${width} *)skb[${imm}]` : `r0 = *(${width} *)skb[r${src} ${signed(imm)}]`;
}

function printArithmetic({ opcode, dst, src, imm }: Instruction): string | null {
  const register = (opcode & 0x07) === classes.alu64 ? "r" : "w";
  const operation = opcode & 0xf0;
  if (operation === arithmetic.neg) return `${register}${dst} = -${register}${dst}`;
  if (operation === arithmetic.end) return `r${dst} = ${(opcode & 0x08) === sources.reg ? "be" : "le"}${imm} r${dst}`;
  const operator = operators[operation];
  if (operator === undefined) return null;
  return `${register}${dst} ${operator} ${(opcode & 0x08) === sources.reg ? `${register}${src}` : imm}`;
}

function printJump(instruction: Instruction, index: number): string | null {
  const { opcode, dst, src, imm } = instruction;
  if (isExit(instruction)) return "exit";
  if (isCall(instruction)) return printCall(instruction, index);
  const target = jumpTarget(instruction, index);
  if ((opcode & 0xf0) === jumps.ja) return `goto ${target}`;
  const comparison = comparisons[opcode & 0xf0];
  if (comparison === undefined) return null;
  const register = (opcode & 0x07) === classes.jmp ? "r" : "w";
  const right = (opcode & 0x08) === sources.reg ? `${register}${src}` : imm;
  return `if ${register}${dst} ${comparison} ${right} goto ${target}`;
}

function printCall({ src, imm }: Instruction, index: number): string {
  if (src === callKinds.function) return `call function at ${index + 1 + imm}`;
  return src === callKinds.kernel ? `call kernel function ${imm}` : `call helper ${imm}`;
}

function printStore(instruction: Instruction): string {
  const { opcode, dst, src, imm } = instruction;
  if ((opcode & 0xe0) === modes.atomic) return `atomic 0x${imm.toString(16)} ${memory(instruction, dst)}, r${src}`;
  return `${memory(instruction, dst)} = r${src}`;
}

function memory({ opcode, offset }: Instruction, register: number): string {
  const width = widths[opcode & 0x18] as string;
  const type = (opcode & 0xe0) === modes.memsx ? width.replace("u", "s") : width;
  return `*(${type} *)(r${register} ${signed(offset)})`;
}

function signed(number: number): string {
  return number < 0 ? `- ${-number}` : `+ ${number}`;
}

function printRaw({ opcode, dst, src, offset, imm }: Instruction): string {
  return `opcode 0x${opcode.toString(16).padStart(2, "0")} dst ${dst} src ${src} offset ${offset} imm ${imm}`;
}
