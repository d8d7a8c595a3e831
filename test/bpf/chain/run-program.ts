// SPDX-License-Identifier: Apache-2.0
import { alu32Imm } from "../../../bpf/asm/build.ts";
import { classOf, functionTarget, isCall, isExit, jumpTarget, slotsOf } from "../../../bpf/asm/inspect.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import { classes } from "../../../bpf/asm/opcodes.ts";

/** What a register or a stack slot holds: a number, the context, an address on the stack of one call, or in the counters. */
export type Word = number | "context" | "map" | { readonly memory: Map<number, Word>; readonly offset: number };

/** What a program sees of the world. */
export interface World {
  /** Helpers but map look-up, which finds `counters`: arguments in, r0 out. */
  readonly helper: (number: number, registers: readonly (Word | undefined)[]) => Word;
  readonly counters: Map<number, Word>;
}

/**
 * Runs what linked chains of the tests are made of: enough of an interpreter to see which verdict comes out and what ran. Everything it
 * does not know is an error, as is reading what was never written.
 */
export function runProgram(instructions: readonly Instruction[], world: World): number {
  const verdict = runFunction(instructions, 0, ["context"], world);
  if (typeof verdict !== "number") throw new Error("r0 is no number");
  return verdict | 0;
}

function runFunction(instructions: readonly Instruction[], start: number, args: readonly (Word | undefined)[], world: World): Word {
  const registers: (Word | undefined)[] = [];
  args.forEach((argument, index) => {
    registers[index + 1] = argument;
  });
  registers[10] = { memory: new Map(), offset: 0 };
  for (let index = start, steps = 0; steps < 100_000; steps++) {
    const instruction = instructions[index];
    if (instruction === undefined) throw new Error(`Ran out of the program at ${index}`);
    if (isExit(instruction)) return known(registers[0]);
    if (isCall(instruction)) {
      registers[0] = runCall(instructions, index, registers, world);
      registers.fill(undefined, 1, 6);
      index++;
      continue;
    }
    const target = jumpTarget(instruction, index);
    if (target !== null) {
      index = compares(instruction, registers) ? target : index + 1;
      continue;
    }
    compute(instruction, registers);
    index += slotsOf(instruction);
  }
  throw new Error("Ran for too long");
}

function runCall(instructions: readonly Instruction[], index: number, registers: (Word | undefined)[], world: World): Word {
  const instruction = instructions[index] as Instruction;
  const target = functionTarget(instruction, index);
  if (target !== null) return runFunction(instructions, target, registers.slice(1, 6), world);
  if (instruction.imm !== 1) return world.helper(instruction.imm, registers);
  const key = registers[2];
  if (registers[1] !== "map" || typeof key !== "object" || key.memory.get(key.offset) !== 0) throw new Error("Bad look-up");
  return { memory: world.counters, offset: 0 };
}

function compute(instruction: Instruction, registers: (Word | undefined)[]): void {
  const { opcode, dst, src, offset, imm } = instruction;
  const place = (register: number): [Map<number, Word>, number] => {
    const address = registers[register];
    if (typeof address !== "object") throw new Error(`r${register} is no address`);
    return [address.memory, address.offset + offset];
  };
  switch (opcode) {
    case 0x18:
      registers[dst] = instruction.map === undefined ? imm : "map";
      return;
    case 0x79: {
      const [memory, at] = place(src);
      registers[dst] = known(memory.get(at));
      return;
    }
    case 0x7a:
    case 0x7b: {
      const [memory, at] = place(dst);
      memory.set(at, opcode === 0x7a ? imm : known(registers[src]));
      return;
    }
    case 0xb7:
      registers[dst] = imm;
      return;
    case 0xbf:
      registers[dst] = known(registers[src]);
      return;
    case 0xbc:
      registers[dst] = number(registers[src]) >>> 0;
      return;
    case 0xb4:
    case alu32Imm("add", 0, 0).opcode:
      registers[dst] = ((opcode === 0xb4 ? 0 : number(registers[dst])) + imm) >>> 0;
      return;
    case 0x67:
      registers[dst] = number(registers[dst]) * 2 ** imm;
      return;
    case 0x07:
    case 0x0f:
      registers[dst] = add(known(registers[dst]), opcode === 0x07 ? imm : number(registers[src]));
      return;
    default:
      throw new Error(`Unknown opcode 0x${opcode.toString(16)}`);
  }
}

function compares(instruction: Instruction, registers: readonly (Word | undefined)[]): boolean {
  const operation = instruction.opcode & 0xf0;
  if (operation === 0x00) return true;
  const held = known(registers[instruction.dst]);
  if (typeof held === "object") return operation === 0x50;
  const narrow = classOf(instruction) === classes.jmp32;
  const left = narrow ? number(held) >>> 0 : number(held);
  const right = narrow ? instruction.imm >>> 0 : instruction.imm;
  switch (operation) {
    case 0x10:
      return left === right;
    case 0x20:
      return left > right;
    case 0x50:
      return left !== right;
    case 0xa0:
      return left < right;
    case 0xb0:
      return left <= right;
    default:
      throw new Error(`Unknown comparison 0x${operation.toString(16)}`);
  }
}

function add(left: Word, right: number): Word {
  return typeof left === "object" ? { ...left, offset: left.offset + right } : number(left) + right;
}

function number(word: Word | undefined): number {
  if (typeof word !== "number") throw new Error("Not a number");
  return word;
}

function known(word: Word | undefined): Word {
  if (word === undefined) throw new Error("Read before written");
  return word;
}
