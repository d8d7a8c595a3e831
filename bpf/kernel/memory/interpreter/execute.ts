// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "../../../asm/instruction.ts";
import { arithmetic, callKinds, classes, jumps, modes, sources, wideKinds } from "../../../asm/opcodes.ts";
import type { MemoryProgram } from "../memory-program.ts";
import { bytesRegion } from "./address-space.ts";
import { arithmetic32, arithmetic64, swapBytes } from "./arithmetic.ts";
import { atomic } from "./atomics.ts";
import { isTaken } from "./compare.ts";
import type { CallBack } from "./helper.ts";
import { findHelper, tailCallHelper } from "./helpers.ts";
import { InterpreterError } from "./interpreter-error.ts";
import { type Machine, mapIn, setMapPointer, setPointer, setValuePointer } from "./machine.ts";
import { packetLoad } from "./packet-load.ts";
import { high, low, setHalves } from "./registers.ts";
import { load, store, transferSize } from "./transfer.ts";

/** MAX_TAIL_CALL_CNT. */
const mostTailCalls = 33;
/** Nested calls, and bytes of one frame's stack. */
const mostFrames = 8;
const stackSize = 512;
/** A program that runs this long does not end: the verifier would have refused it. */
const mostInstructions = 50_000_000;

/** Runs a function from its first instruction to its exit: a frame of its own, r6 to r10 of the caller kept. r0 is its result. */
export function callFunction(machine: Machine, program: MemoryProgram, start: number, depth: number): void {
  if (depth >= mostFrames) throw new InterpreterError(`Cannot nest calls deeper than ${mostFrames} frames`);
  const { registers } = machine;
  const saved = registers.whole.slice(6, 11);
  const stack = machine.stacks[depth] ?? bytesRegion("stack", new Uint8Array(stackSize), true);
  machine.stacks[depth] = stack;
  setPointer(machine, 10, stack, stackSize);
  run(machine, program, start, depth);
  registers.whole.set(saved, 6);
}

/** What became of an instruction: an index to go on at, or a way out of the function. */
type Next = number | "exit" | MemoryProgram;

function run(machine: Machine, first: MemoryProgram, start: number, depth: number): void {
  let program = first;
  let index = start;
  for (;;) {
    const instruction = program.instructions[index];
    if (instruction === undefined)
      throw new InterpreterError(`Cannot run instruction ${index} of "${program.name}": it has ${program.instructions.length}`);
    if (++machine.executed > mostInstructions)
      throw new InterpreterError(`"${program.name}" does not end: ${mostInstructions} instructions so far`);
    const next = step(machine, program, instruction, index, depth);
    if (next === "exit") return;
    if (typeof next === "number") {
      index = next;
    } else {
      program = next;
      index = 0;
    }
  }
}

function step(machine: Machine, program: MemoryProgram, instruction: Instruction, index: number, depth: number): Next {
  const { opcode, dst, src, offset, imm } = instruction;
  const { registers } = machine;
  switch (opcode & 0x07) {
    case classes.alu64:
    case classes.alu:
      compute(machine, instruction);
      return index + 1;
    case classes.ldx:
      load(machine, dst, src, offset, transferSize(opcode), (opcode & 0xe0) === modes.memsx);
      return index + 1;
    case classes.st:
      store(machine, dst, offset, transferSize(opcode), imm, imm >> 31);
      return index + 1;
    case classes.stx:
      if ((opcode & 0xe0) === modes.atomic) atomic(machine, instruction, transferSize(opcode));
      else store(machine, dst, offset, transferSize(opcode), low(registers, src), high(registers, src));
      return index + 1;
    case classes.ld:
      return loadConstant(machine, program, instruction, index);
    default:
      return jump(machine, program, instruction, index, depth);
  }
}

function compute({ registers }: Machine, { opcode, dst, src, offset, imm }: Instruction): void {
  const operation = opcode & 0xf0;
  const wide = (opcode & 0x07) === classes.alu64;
  const fromRegister = (opcode & 0x08) === sources.reg;
  if (operation === arithmetic.end) return swapBytes(registers, dst, imm, wide || fromRegister);
  const bLow = fromRegister ? low(registers, src) : imm >>> 0;
  if (!wide) return arithmetic32(registers, operation, dst, bLow, offset);
  arithmetic64(registers, operation, dst, bLow, fromRegister ? high(registers, src) : (imm >> 31) >>> 0, offset);
}

/** ld_imm64 in its kinds, and the packet loads of class ld. */
function loadConstant(machine: Machine, program: MemoryProgram, instruction: Instruction, index: number): Next {
  const { opcode, dst, src, imm } = instruction;
  if ((opcode & 0xe0) !== modes.imm) return packetLoad(machine, instruction) ? index + 1 : "exit";
  const second = (program.instructions[index + 1] as Instruction).imm;
  if (instruction.map !== undefined) {
    loadMap(machine, program, instruction, second);
  } else if (src === wideKinds.function) {
    const region = machine.functionRegions.get(program) ?? { kind: "function", program };
    machine.functionRegions.set(program, region);
    setPointer(machine, dst, region, index + 1 + imm);
  } else if (src === wideKinds.number) {
    setHalves(machine.registers, dst, imm, second);
  } else {
    throw new InterpreterError(`Cannot load a constant of the unknown kind ${src}`);
  }
  return index + 2;
}

function loadMap(machine: Machine, program: MemoryProgram, { dst, src, map: name }: Instruction, offset: number): void {
  const map = program.maps.get(name as string);
  if (map === undefined) throw new InterpreterError(`Cannot find the map "${name}" of "${program.name}"`);
  if (src === wideKinds.map) return setMapPointer(machine, dst, map);
  const stored = map.storage.find(new Uint8Array(map.definition.keySize));
  if (stored === null) throw new InterpreterError(`Cannot point into the map "${name}": it has no first value`);
  setValuePointer(machine, dst, map, stored, 0, offset);
}

function jump(machine: Machine, program: MemoryProgram, instruction: Instruction, index: number, depth: number): Next {
  const { opcode, dst, src, offset, imm } = instruction;
  const { registers } = machine;
  const operation = opcode & 0xf0;
  const wide = (opcode & 0x07) === classes.jmp;
  if (operation === jumps.ja) return index + 1 + (wide ? offset : imm);
  if (wide && operation === jumps.exit) return "exit";
  if (wide && operation === jumps.call) return call(machine, program, instruction, index, depth);
  const fromRegister = (opcode & 0x08) === sources.reg;
  const bLow = fromRegister ? low(registers, src) : imm >>> 0;
  // JMP32 compares lower halves; giving both their sign as the upper half keeps signed and unsigned order.
  const aLow = low(registers, dst);
  const aHigh = wide ? high(registers, dst) : ((aLow | 0) >> 31) >>> 0;
  const bHigh = wide && fromRegister ? high(registers, src) : ((bLow | 0) >> 31) >>> 0;
  return isTaken(operation, aLow, aHigh, bLow, bHigh) ? index + 1 + offset : index + 1;
}

function call(machine: Machine, program: MemoryProgram, { src, imm }: Instruction, index: number, depth: number): Next {
  if (src === callKinds.function) {
    callFunction(machine, program, index + 1 + imm, depth + 1);
  } else if (src !== callKinds.helper) {
    throw new InterpreterError(`The memory kernel has no kernel functions: "${program.name}" calls BTF id ${imm}`);
  } else if (imm === tailCallHelper) {
    return tailCall(machine, index);
  } else {
    findHelper(imm)(machine, callBackFrom(machine, depth));
  }
  return index + 1;
}

/** bpf_tail_call(context, map, index): the other program takes this frame's place; goes on when there is none or were too many. */
function tailCall(machine: Machine, index: number): Next {
  const { registers, kernel } = machine;
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, low(registers, 3), true);
  const found = mapIn(machine, 2).storage.find(key);
  const target = found === null ? undefined : kernel.programs.get(new DataView(found.buffer, found.byteOffset).getUint32(0, true));
  if (target === undefined || machine.tailCalls >= mostTailCalls) return index + 1;
  machine.tailCalls += 1;
  return target;
}

function callBackFrom(machine: Machine, depth: number): CallBack {
  return (fn, prepare) => {
    const region = machine.space.region(Number(fn >> 32n));
    if (region.kind !== "function") throw new InterpreterError(`Cannot call back: the pointer is to a ${region.kind}`);
    prepare();
    callFunction(machine, region.program, Number(fn & 0xffffffffn), depth + 1);
  };
}
