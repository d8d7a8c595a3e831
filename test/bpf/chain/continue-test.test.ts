// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { assemble } from "../../../bpf/asm/assemble.ts";
import { callHelper, exit, mov64Imm } from "../../../bpf/asm/build.ts";
import { printInstruction } from "../../../bpf/asm/print.ts";
import { continueTest } from "../../../bpf/chain/continue-test.ts";
import { runProgram } from "./run-program.ts";

/** A program that asks for a verdict, and gives 1 where the chain continues, 0 where it stops. */
const around = (verdicts: readonly number[]) =>
  assemble([
    callHelper(9),
    ...continueTest(verdicts, "next", "stop"),
    { label: "next" },
    mov64Imm(0, 1),
    exit(),
    { label: "stop" },
    mov64Imm(0, 0),
    exit(),
  ]).instructions;

const verdict = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.integer({ min: -0x80000000, max: 0x7fffffff }), fc.constant(-0x80000000));

test("continueTest() goes on for the given verdicts and stops for all others", (t) => {
  fc.assert(
    fc.property(fc.array(verdict, { maxLength: 8 }), fc.array(verdict, { minLength: 1 }), (verdicts, others) => {
      const program = around(verdicts);
      for (const returned of [...verdicts, ...others, ...verdicts.map((each) => (each + 1) | 0)]) {
        const goesOn = runProgram(program, { helper: () => returned, counters: new Map() });

        t.is(goesOn, verdicts.includes(returned) ? 1 : 0);
      }
    }),
    { numRuns: 500 },
  );
});

test("continueTest() looks at the lower half only, as the kernel does", (t) => {
  t.is(runProgram(around([2]), { helper: () => 0x7_0000_0002, counters: new Map() }), 1);
});

const sequences: readonly (readonly [readonly number[], readonly string[]])[] = [
  [[2], ["if w0 != 2 goto 4"]],
  [[], ["goto 4"]],
  [
    [0, 3, -1],
    ["if w0 == 0 goto 4", "if w0 == 3 goto 4", "if w0 != -1 goto 6"],
  ],
  [[0, 1, 2, 3], ["if w0 > 3 goto 4"]],
  [[-2, -1], ["if w0 < -2 goto 4"]],
  [
    [2, 3, 4, 3],
    ["if w0 < 2 goto 5", "if w0 > 4 goto 5"],
  ],
  [
    [0, 1, 2, -1],
    ["if w0 <= 2 goto 3", "if w0 != -1 goto 5"],
  ],
  [
    [1, 2, 3, 7],
    ["if w0 < 1 goto 6", "if w0 <= 3 goto 4", "if w0 != 7 goto 6"],
  ],
];

for (const [verdicts, expected] of sequences) {
  test(`continueTest() of [${verdicts.join(", ")}] takes ${expected.length} instructions`, (t) => {
    const texts = around(verdicts).map(printInstruction);

    t.deepEqual(texts.slice(1, 1 + expected.length), expected);
    t.is(texts.length, expected.length + 5);
  });
}
