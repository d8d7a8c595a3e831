// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import {
  alu32Imm,
  alu64,
  callFunction,
  callHelper,
  exit,
  ja,
  jumpIf,
  jumpIf32,
  ldx,
  loadFunction,
  loadMap,
  loadMapValue,
  loadNumber,
  mov32,
  mov64,
  mov64Imm,
  st,
  stx,
} from "../../../bpf/asm/build.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import { printInstruction } from "../../../bpf/asm/print.ts";
import { anyInstruction } from "./instructions.ts";

const raw = (opcode: number, fields: Partial<Instruction> = {}): Instruction => ({ opcode, dst: 1, src: 2, offset: 0, imm: 0, ...fields });

const cases: readonly (readonly [Instruction, string])[] = [
  [mov64(1, 2), "r1 = r2"],
  [mov64Imm(0, -1), "r0 = -1"],
  [mov32(1, 0), "w1 = w0"],
  [alu64("add", 2, 1), "r2 += r1"],
  [alu32Imm("xor", 3, 255), "w3 ^= 255"],
  [raw(0x87), "r1 = -r1"],
  [raw(0xdc, { imm: 16 }), "r1 = be16 r1"],
  [raw(0xd4, { imm: 32 }), "r1 = le32 r1"],
  [ldx("h", 4, 1, 12), "r4 = *(u16 *)(r1 + 12)"],
  [raw(0x81, { offset: 4 }), "r1 = *(s32 *)(r2 + 4)"],
  [stx("b", 10, -1, 3), "*(u8 *)(r10 - 1) = r3"],
  [st("dw", 10, -8, 5), "*(u64 *)(r10 - 8) = 5"],
  [raw(0xdb, { imm: 1 }), "atomic 0x1 *(u64 *)(r1 + 0), r2"],
  [raw(0x20, { imm: 12 }), "r0 = *(u32 *)skb[12]"],
  [raw(0x50, { imm: -4 }), "r0 = *(u8 *)skb[r2 - 4]"],
  [ja(4), "goto 15"],
  [raw(0x06, { imm: 100_000 }), "goto 100011"],
  [jumpIf("ne", 0, 2, 5), "if r0 != 2 goto 16"],
  [jumpIf32("sgt", 0, -1, -3), "if w0 s> -1 goto 8"],
  [raw(0x2d, { offset: 1 }), "if r1 > r2 goto 12"],
  [callHelper(12), "call helper 12"],
  [callFunction(20), "call function at 31"],
  [raw(0x85, { src: 2, imm: 77 }), "call kernel function 77"],
  [exit(), "exit"],
  [loadMap(1, "acl/rules")[0], "r1 = map[acl/rules]"],
  [{ ...loadMap(1, "")[0], map: undefined, imm: 6 } as unknown as Instruction, "r1 = map[6]"],
  [loadMapValue(2, "acl/.rodata")[0], "r2 = value of map[acl/.rodata]"],
  [raw(0x18, { src: 2, imm: 9 }), "r1 = value of map[9]"],
  [loadFunction(2, 9)[0], "r2 = function at 20"],
  [loadNumber(3, -5n)[0], "r3 = -5 ll"],
  [raw(0x00), "opcode 0x00 dst 1 src 2 offset 0 imm 0"],
  [raw(0xe7), "opcode 0xe7 dst 1 src 2 offset 0 imm 0"],
  [raw(0xe5, { offset: 3 }), "opcode 0xe5 dst 1 src 2 offset 3 imm 0"],
];

for (const [instruction, text] of cases) {
  test(`printInstruction() prints ${text}`, (t) => {
    t.is(printInstruction(instruction, 10), text);
  });
}

test("printInstruction() has words for every instruction there may be", (t) => {
  fc.assert(
    fc.property(anyInstruction, (instruction) => {
      t.notRegex(printInstruction(instruction, 0), /undefined|NaN|null/);
    }),
  );
});
