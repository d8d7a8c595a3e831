// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "./instruction.ts";
import { callKinds, classes, helpers, jumps, modes, wideKinds, wideOpcode } from "./opcodes.ts";

const operationMask = 0xf0;
const modeMask = 0xe0;

/** BPF_CLASS. */
export function classOf(instruction: Instruction): number {
  return instruction.opcode & 0x07;
}

/** Slots the instruction takes: 2 for a ld_imm64. */
export function slotsOf(instruction: Instruction): number {
  return instruction.opcode === wideOpcode ? 2 : 1;
}

/** Every instruction with the index of its (first) slot, second slots left out. */
export function* eachInstruction(
  instructions: readonly Instruction[],
  start = 0,
  end = instructions.length,
): Generator<[number, Instruction]> {
  for (let index = start; index < end; ) {
    const instruction = instructions[index] as Instruction;
    yield [index, instruction];
    index += slotsOf(instruction);
  }
}

export function isExit(instruction: Instruction): boolean {
  return instruction.opcode === (classes.jmp | jumps.exit);
}

/** BPF_LD_ABS or BPF_LD_IND: reads the packet, and leaves the function with 0 where the packet ends. */
export function isPacketLoad(instruction: Instruction): boolean {
  const mode = instruction.opcode & modeMask;
  return classOf(instruction) === classes.ld && (mode === modes.abs || mode === modes.ind);
}

export function isCall(instruction: Instruction): boolean {
  return instruction.opcode === (classes.jmp | jumps.call);
}

export function isTailCall(instruction: Instruction): boolean {
  return isCall(instruction) && instruction.src === callKinds.helper && instruction.imm === helpers.tailCall;
}

/**
 * A call that may leave an object of the kernel on the stack (a dynptr, an iterator), which the verifier lets nobody write over: of
 * functions of the kernel only the kernel knows which do, so it is any of them.
 */
export function mayKeepObject(instruction: Instruction): boolean {
  if (!isCall(instruction)) return false;
  const { src, imm } = instruction;
  return src === callKinds.kernel || (src === callKinds.helper && (imm === helpers.dynptrFromMem || imm === helpers.ringbufReserveDynptr));
}

/** A call of a kernel function that lives in a module: its `offset` is an index into an array of BTF fds. */
export function isModuleCall(instruction: Instruction): boolean {
  return isCall(instruction) && instruction.src === callKinds.kernel && instruction.offset !== 0;
}

/** Where the function starts that the instruction at `index` calls or takes the address of; null for every other instruction. */
export function functionTarget(instruction: Instruction, index: number): number | null {
  const calls = isCall(instruction) && instruction.src === callKinds.function;
  const takes = instruction.opcode === wideOpcode && instruction.src === wideKinds.function;
  return calls || takes ? index + 1 + instruction.imm : null;
}

/** Where the instruction at `index` may jump to, besides going on; null for what does not jump. Calls are no jumps. */
export function jumpTarget(instruction: Instruction, index: number): number | null {
  if (!isJumpClass(instruction) || isCall(instruction) || isExit(instruction)) return null;
  return index + 1 + (isLongJump(instruction) ? instruction.imm : instruction.offset);
}

/** Whether the next instruction in line can run after this one. */
export function fallsThrough(instruction: Instruction): boolean {
  const always = (instruction.opcode & operationMask) === jumps.ja && isJumpClass(instruction);
  return !always && !isExit(instruction);
}

function isJumpClass(instruction: Instruction): boolean {
  const kind = classOf(instruction);
  return kind === classes.jmp || kind === classes.jmp32;
}

/** gotol of Linux 6.6: 32 bits of distance. */
function isLongJump(instruction: Instruction): boolean {
  return instruction.opcode === (classes.jmp32 | jumps.ja);
}
