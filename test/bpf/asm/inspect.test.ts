// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { callFunction, callHelper, exit, ja, jumpIf, jumpIf32, ldx, loadFunction, loadMap, mov64Imm } from "../../../bpf/asm/build.ts";
import {
  eachInstruction,
  fallsThrough,
  functionTarget,
  isModuleCall,
  isPacketLoad,
  isTailCall,
  jumpTarget,
} from "../../../bpf/asm/inspect.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";

const raw = (opcode: number, fields: Partial<Instruction> = {}): Instruction => ({ opcode, dst: 0, src: 0, offset: 0, imm: 0, ...fields });

test("eachInstruction() steps over second slots", (t) => {
  const instructions = [mov64Imm(1, 0), ...loadMap(1, "m"), exit(), ...loadFunction(2), exit()];

  t.deepEqual(
    [...eachInstruction(instructions)].map(([index]) => index),
    [0, 1, 3, 4, 6],
  );
  t.deepEqual(
    [...eachInstruction(instructions, 1, 4)].map(([index]) => index),
    [1, 3],
  );
});

test("jumpTarget() knows all that jumps and nothing that calls", (t) => {
  t.is(jumpTarget(ja(3), 10), 14);
  t.is(jumpTarget(jumpIf("eq", 0, 0, -2), 10), 9);
  t.is(jumpTarget(jumpIf32("eq", 0, 0, 5), 10), 16);
  t.is(jumpTarget(raw(0x06, { imm: 70_000 }), 10), 70_011);
  for (const other of [callHelper(1), callFunction(4), exit(), mov64Imm(0, 1), ldx("w", 0, 1, 0)]) t.is(jumpTarget(other, 10), null);
});

test("functionTarget() knows calls of functions and their addresses", (t) => {
  t.is(functionTarget(callFunction(5), 10), 16);
  t.is(functionTarget(loadFunction(2, 5)[0], 10), 16);
  for (const other of [callHelper(5), loadMap(1, "m")[0], ja(5)]) t.is(functionTarget(other, 10), null);
});

test("fallsThrough() is false only for exits and jumps without a condition", (t) => {
  t.deepEqual([exit(), ja(1), raw(0x06, { imm: 1 })].map(fallsThrough), [false, false, false]);
  t.deepEqual(
    [jumpIf("ne", 0, 0, 1), jumpIf32("lt", 0, 0, 1), callHelper(1), mov64Imm(0, 0), ldx("dw", 0, 1, 0), raw(0x00)].map(fallsThrough),
    [true, true, true, true, true, true],
  );
});

test("isPacketLoad(), isTailCall() and isModuleCall() know what forces a step's hand", (t) => {
  t.deepEqual([raw(0x20), raw(0x28), raw(0x30), raw(0x40), raw(0x48), raw(0x50)].map(isPacketLoad), Array(6).fill(true));
  t.deepEqual([raw(0x18), raw(0x61), raw(0x05)].map(isPacketLoad), [false, false, false]);
  t.deepEqual([callHelper(12), callHelper(1), callFunction(12)].map(isTailCall), [true, false, false]);
  t.true(isModuleCall(raw(0x85, { src: 2, offset: 1 })));
  t.false(isModuleCall(raw(0x85, { src: 2 })));
});
