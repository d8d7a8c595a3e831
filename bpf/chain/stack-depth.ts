// SPDX-License-Identifier: Apache-2.0
import { classOf, fallsThrough, isCall, isPacketLoad, jumpTarget, slotsOf } from "../asm/inspect.ts";
import type { Instruction } from "../asm/instruction.ts";
import { arithmetic, classes, framePointer, modes, sizes, sources } from "../asm/opcodes.ts";

/** The kernel's MAX_BPF_STACK. */
export const stackLimit = 512;

/** How much of its own frame a function can touch. */
export interface StackDepth {
  /** Rounded up to 8. */
  readonly bytes: number;
  /** false: an address on the stack is moved by a number that may be negative; `bytes` takes it for none that is. */
  readonly certain: boolean;
  /**
   * A number becomes an address by having one added to it (number += address). Linux up to 6.18 at least then takes the address
   * for one of the outermost frame, so in a called function the verifier looks for it on the caller's stack: it believes what is no
   * longer true of its own, and removes branches that do run.
   */
  readonly confusing: boolean;
}

/**
 * What a register holds: a number is an address on this frame's stack, and says the lowest offset from its top that it can have;
 * "natural" is a number known not to be negative; "any" the rest, addresses of other things included.
 */
type Value = number | "natural" | "any";
type State = readonly Value[];

const mask = { operation: 0xf0, size: 0x18, mode: 0xe0, source: 0x08 } as const;
const fetch = 0x01;
const compareExchange = 0xf1;
const atStart: State = Array.from({ length: 10 }, () => "any");

/**
 * The deepest byte that the function in [start, end) can touch of its own frame. Follows addresses through registers and over
 * the stack itself. The verifier has the last word: too low an answer makes it refuse the chain, never run it wrongly. Throws RangeError for a
 * jump out of the function.
 */
export function stackDepth(instructions: readonly Instruction[], start = 0, end = instructions.length): StackDepth {
  let spilled: Value = "any";
  for (;;) {
    const frame: Frame = new Frame(spilled);
    followPaths(instructions, start, end, frame);
    if (frame.spilled === spilled) return { bytes: Math.ceil(frame.deepest / 8) * 8, certain: frame.certain, confusing: frame.confusing };
    spilled = frame.spilled;
  }
}

/** What is known of a frame besides its registers, on all paths together. */
class Frame {
  deepest = 0;
  certain = true;
  confusing = false;
  /** The lowest stack address that was ever stored: what a load from the stack can bring back. */
  spilled: Value;

  constructor(spilled: Value) {
    this.spilled = spilled;
  }

  touch(address: Value, offset: number): void {
    if (typeof address === "number") this.deepest = Math.max(this.deepest, Math.min(-address - offset, stackLimit));
  }

  spill(value: Value): void {
    if (typeof value === "number") this.spilled = join(this.spilled, value);
  }

  /** An address moved by a known distance. Loops that walk down end at the stack's end. */
  move(address: number, distance: number): number {
    return Math.max(address + distance, -stackLimit);
  }

  /** An address moved by who knows how much. */
  guess(address: number): number {
    this.certain = false;
    return address;
  }
}

function followPaths(instructions: readonly Instruction[], start: number, end: number, frame: Frame): void {
  const states = new Map<number, State>();
  const pending: number[] = [];
  const reach = (index: number, state: State): void => {
    const known = states.get(index);
    const joined = known === undefined ? state : state.map((value, register) => join(value, known[register] as Value));
    if (known?.every((value, register) => value === joined[register])) return;
    states.set(index, joined);
    pending.push(index);
  };
  reach(start, atStart);
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    const instruction = instructions[index] as Instruction;
    const after = step(instruction, states.get(index) as State, frame);
    const target = jumpTarget(instruction, index);
    if (target !== null) reach(checkTarget(instructions, index, target, start, end), after);
    const next = index + slotsOf(instruction);
    if (fallsThrough(instruction) && next < end) reach(next, after);
  }
}

/** Also refuses the second slot of an instruction of two. */
function checkTarget(instructions: readonly Instruction[], index: number, target: number, start: number, end: number): number {
  if (target >= start && target < end && instructions[target] !== undefined) return target;
  throw new RangeError(`Instruction ${index} jumps to ${target}, its function has the instructions ${start} to ${end - 1}`);
}

function step(instruction: Instruction, state: State, frame: Frame): State {
  const { dst, src, offset } = instruction;
  const value = (register: number): Value => (register === framePointer ? 0 : (state[register] as Value));
  switch (classOf(instruction)) {
    case classes.alu64:
      return set(state, dst, calculate(instruction, value(dst), operand(instruction, value), frame));
    case classes.alu:
      return set(state, dst, isByteSwap(instruction) ? "any" : "natural");
    case classes.ldx:
      frame.touch(value(src), offset);
      return set(state, dst, loaded(instruction, value(src), frame));
    case classes.st:
      frame.touch(value(dst), offset);
      return state;
    case classes.stx:
      frame.touch(value(dst), offset);
      if ((instruction.opcode & mask.mode) === modes.atomic) return afterAtomic(instruction, state);
      frame.spill(value(src));
      return state;
    case classes.ld:
      return isPacketLoad(instruction) ? afterCall(state) : set(state, dst, "any");
    default:
      if (!isCall(instruction)) return state;
      for (let argument = 1; argument <= 5; argument++) frame.touch(value(argument), 0);
      return afterCall(state);
  }
}

function operand(instruction: Instruction, value: (register: number) => Value): Value {
  if ((instruction.opcode & mask.source) === sources.reg) return value(instruction.src);
  return instruction.imm < 0 ? "any" : "natural";
}

function calculate(instruction: Instruction, left: Value, right: Value, frame: Frame): Value {
  const immediate = (instruction.opcode & mask.source) === sources.imm ? instruction.imm : null;
  switch (instruction.opcode & mask.operation) {
    case arithmetic.mov:
      return right;
    case arithmetic.add:
      return immediate !== null && typeof left === "number" ? frame.move(left, immediate) : sum(left, right, frame);
    case arithmetic.sub:
      if (typeof left !== "number" || typeof right === "number") return "any";
      return immediate === null ? frame.guess(left) : frame.move(left, -immediate);
    case arithmetic.and:
      return left === "natural" || right === "natural" ? "natural" : "any";
    case arithmetic.rsh:
      return immediate === 0 ? left : "natural";
    case arithmetic.or:
    case arithmetic.xor:
    case arithmetic.mul:
    case arithmetic.div:
    case arithmetic.mod:
    case arithmetic.lsh:
      return left === "natural" && right === "natural" ? "natural" : "any";
    default:
      return "any";
  }
}

function sum(left: Value, right: Value, frame: Frame): Value {
  if (typeof right === "number") frame.confusing = true;
  if (left === "natural") return right;
  if (right === "natural") return left;
  const address = [left, right].find((value) => typeof value === "number");
  return address === undefined ? "any" : frame.guess(address);
}

function loaded(instruction: Instruction, address: Value, frame: Frame): Value {
  const extendsSign = (instruction.opcode & mask.mode) === modes.memsx;
  if ((instruction.opcode & mask.size) !== sizes.dw) return extendsSign ? "any" : "natural";
  return typeof address === "number" ? frame.spilled : "any";
}

function isByteSwap(instruction: Instruction): boolean {
  return (instruction.opcode & mask.operation) === arithmetic.end;
}

function afterAtomic(instruction: Instruction, state: State): State {
  if (instruction.imm === compareExchange) return set(state, 0, "any");
  return (instruction.imm & fetch) === 0 ? state : set(state, instruction.src, "any");
}

function afterCall(state: State): State {
  return state.map((value, register) => (register <= 5 ? "any" : value));
}

function set(state: State, register: number, value: Value): State {
  return state.map((old, index) => (index === register ? value : old));
}

function join(left: Value, right: Value): Value {
  if (typeof left === "number") return typeof right === "number" ? Math.min(left, right) : left;
  if (typeof right === "number") return right;
  return left === right ? left : "any";
}
