// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import {
  alu32Imm,
  alu64,
  alu64Imm,
  callHelper,
  exit,
  ja,
  jumpIf,
  ldx,
  loadNumber,
  mov32,
  mov64,
  mov64Imm,
  st,
  stx,
} from "../../../bpf/asm/build.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import { stackDepth } from "../../../bpf/chain/stack-depth.ts";

const raw = (opcode: number, dst: number, src: number, imm = 0): Instruction => ({ opcode, dst, src, offset: 0, imm });
const atomic = (imm: number): Instruction => ({ opcode: 0xdb, dst: 10, src: 2, offset: -24, imm });
/** r2 = an address 64 bytes down, r1 = as the case says, r2 += r1, then a store. */
const indexed = (...index: readonly Instruction[]): Instruction[] => [
  mov64(2, 10),
  alu64Imm("add", 2, -64),
  ...index,
  alu64("add", 2, 1),
  st("b", 2, 0, 0),
];

const cases: readonly (readonly [string, readonly Instruction[], number, boolean])[] = [
  ["nothing", [mov64Imm(0, 0)], 0, true],
  ["a store", [st("b", 10, -17, 0)], 24, true],
  ["a load", [ldx("dw", 1, 10, -40)], 40, true],
  ["the lower of two", [st("dw", 10, -16, 0), stx("w", 10, -100, 1), ldx("w", 1, 10, -4)], 104, true],
  ["an address for a helper", [mov64(2, 10), alu64Imm("add", 2, -48), callHelper(1)], 48, true],
  ["an address nobody uses", [mov64(2, 10), alu64Imm("add", 2, -48)], 0, true],
  ["an address by subtraction", [mov64(2, 10), alu64Imm("sub", 2, 48), callHelper(1)], 48, true],
  ["a store through a copy of an address", [mov64(2, 10), alu64Imm("add", 2, -48), mov64(3, 2), st("dw", 3, -8, 0)], 56, true],
  ["an address kept over a call", [mov64(6, 10), alu64Imm("add", 6, -80), callHelper(7), st("b", 6, 0, 0)], 80, true],
  ["an address lost in a call", [mov64(2, 10), callHelper(7), st("b", 2, -80, 0)], 0, true],
  [
    "an address kept on the stack",
    [mov64(2, 10), alu64Imm("add", 2, -72), stx("dw", 10, -8, 2), mov64Imm(2, 0), ldx("dw", 3, 10, -8), st("b", 3, -1, 0)],
    80,
    true,
  ],
  [
    "two addresses kept on the stack",
    [mov64(2, 10), stx("dw", 10, -8, 2), alu64Imm("add", 2, -72), stx("dw", 10, -16, 2), ldx("dw", 3, 10, -8), st("b", 3, -1, 0)],
    80,
    true,
  ],
  ["half an address from the stack", [stx("dw", 10, -8, 10), ldx("w", 3, 10, -8), st("b", 3, -99, 0)], 8, true],
  ["an address by 32 bits is none", [mov32(2, 10), st("b", 2, -99, 0)], 0, true],
  ["an index from a byte", indexed(ldx("b", 1, 1, 0)), 64, true],
  ["a signed index", indexed(raw(0x91, 1, 1)), 64, false],
  ["a masked index", indexed(ldx("dw", 1, 1, 0), alu64Imm("and", 1, 7)), 64, true],
  ["an index masked with a negative number", indexed(ldx("dw", 1, 1, 0), alu64Imm("and", 1, -8)), 64, false],
  ["a masked index by register", indexed(ldx("dw", 1, 1, 0), mov64Imm(3, 7), alu64("and", 1, 3)), 64, true],
  ["a shifted index", indexed(ldx("dw", 1, 1, 0), alu64Imm("rsh", 1, 60)), 64, true],
  ["an index not shifted at all", indexed(ldx("dw", 1, 1, 0), alu64Imm("rsh", 1, 0)), 64, false],
  [
    "a scaled index",
    indexed(ldx("h", 1, 1, 0), alu64Imm("lsh", 1, 3), alu64Imm("or", 1, 1), alu64Imm("mul", 1, 2), alu64Imm("add", 1, 4)),
    64,
    true,
  ],
  ["a sum of two indices", indexed(ldx("b", 1, 1, 0), ldx("b", 3, 10, -8), alu64("add", 1, 3)), 64, true],
  ["a sum with an unknown", indexed(ldx("dw", 3, 1, 0), ldx("dw", 1, 1, 0), alu64("add", 1, 3)), 64, false],
  ["an arithmetic shift", indexed(ldx("b", 1, 1, 0), alu64Imm("arsh", 1, 1)), 64, false],
  ["an index in 32 bits", indexed(ldx("dw", 1, 1, 0), alu32Imm("add", 1, -1)), 64, true],
  ["an index whose bytes are swapped", indexed(raw(0xdc, 1, 0, 64)), 64, false],
  ["an unknown index", indexed(ldx("dw", 1, 1, 0)), 64, false],
  ["an index of 64 bits", indexed(...loadNumber(1, -8n)), 64, false],
  ["an index minus an unknown", [mov64(2, 10), alu64Imm("add", 2, -64), alu64("sub", 2, 1), st("b", 2, 0, 0)], 64, false],
  ["an address onto an index", [ldx("b", 2, 1, 0), alu64("add", 2, 10), st("b", 2, -32, 0)], 32, true],
  ["an address onto an unknown", [ldx("dw", 2, 1, 0), alu64("add", 2, 10), st("b", 2, -32, 0)], 32, false],
  ["the distance of two addresses", [mov64(2, 10), mov64(3, 10), alu64("sub", 2, 3), st("b", 2, -99, 0)], 0, true],
  ["an unknown minus a number", [alu64Imm("sub", 1, 3), st("b", 1, -99, 0)], 0, true],
  ["an atomic addition", [atomic(0x00)], 24, true],
  ["an address that an atomic operation replaces", [mov64(2, 10), atomic(0x01), st("b", 2, -99, 0)], 24, true],
  ["an address that an atomic addition leaves", [mov64(2, 10), atomic(0x00), st("b", 2, -99, 0)], 104, true],
  ["an address that compare and exchange replaces", [mov64(0, 10), atomic(0xf1), st("b", 0, -99, 0)], 24, true],
  ["a packet load", [mov64(3, 10), raw(0x20, 0, 0, 12), st("b", 3, -99, 0)], 0, true],
  ["one of two addresses", [mov64(2, 10), jumpIf("eq", 1, 0, 1), alu64Imm("add", 2, -32), st("b", 2, -1, 0)], 40, true],
  ["an address or a number", [mov64Imm(2, 0), jumpIf("eq", 1, 0, 1), mov64(2, 10), st("b", 2, -7, 0)], 8, true],
  ["an address on the way that jumps", [mov64(2, 10), jumpIf("eq", 1, 0, 1), mov64Imm(2, 0), st("b", 2, -7, 0)], 8, true],
  ["a number or an unknown", [mov64Imm(1, 0), jumpIf("eq", 3, 0, 1), mov64Imm(1, -1), ...indexed()], 64, false],
  ["a loop that walks down", [mov64(2, 10), alu64Imm("add", 2, -8), st("dw", 2, 0, 0), jumpIf("eq", 1, 0, -3)], 512, true],
  ["what nothing leads to", [ja(1), st("b", 10, -200, 0)], 0, true],
];

for (const [what, instructions, bytes, certain] of cases) {
  test(`stackDepth() of ${what} is ${certain ? bytes : `${bytes}, perhaps`}`, (t) => {
    const { bytes: found, certain: sure } = stackDepth([...instructions, mov64Imm(0, 0), exit()]);

    t.deepEqual([found, sure], [bytes, certain]);
  });
}

test("stackDepth() looks at one function only", (t) => {
  const instructions = [st("b", 10, -9, 0), mov64Imm(0, 0), exit(), st("b", 10, -33, 0), mov64Imm(0, 0), exit()];

  t.is(stackDepth(instructions, 0, 3).bytes, 16);
  t.is(stackDepth(instructions, 3, 6).bytes, 40);
});

test("stackDepth() is confused by numbers that have an address added to them, as the verifier is", (t) => {
  const confusing = (...instructions: readonly Instruction[]): boolean => stackDepth([...instructions, exit()]).confusing;

  t.true(confusing(ldx("b", 2, 1, 0), alu64("add", 2, 10)));
  t.true(confusing(mov64(3, 10), ldx("dw", 2, 1, 0), alu64("add", 2, 3)));
  t.false(confusing(mov64(3, 10), ldx("b", 2, 1, 0), alu64("add", 3, 2)));
  t.false(confusing(mov64(3, 10), alu64Imm("add", 3, -8)));
});
