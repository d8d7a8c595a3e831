// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { assemble, type Line } from "../../../bpf/asm/assemble.ts";
import { callFunction, exit, ja, jumpIf, loadFunction, mov64Imm } from "../../../bpf/asm/build.ts";

test("assemble() fills in distances, forwards and back, over labels that take no room", (t) => {
  const [address, second] = loadFunction(2);
  const lines: Line[] = [
    { label: "start" },
    { instruction: jumpIf("eq", 0, 1), to: "end" },
    { instruction: callFunction(), to: "function" },
    { instruction: address, to: "function" },
    second,
    { instruction: ja(), to: "start" },
    { label: "end" },
    { label: "same place" },
    exit(),
    { label: "function" },
    mov64Imm(0, 0),
    exit(),
  ];

  const { instructions, labels } = assemble(lines);

  t.deepEqual(instructions, [jumpIf("eq", 0, 1, 4), callFunction(4), ...loadFunction(2, 3), ja(-5), exit(), mov64Imm(0, 0), exit()]);
  t.deepEqual(
    [...labels],
    [
      ["start", 0],
      ["end", 5],
      ["same place", 5],
      ["function", 6],
    ],
  );
});

test("assemble() refuses a label that does not exist", (t) => {
  const error = t.throws(() => assemble([{ instruction: ja(), to: "nowhere" }]), { instanceOf: RangeError });

  t.is(error.message, 'Cannot assemble: there is no label "nowhere"');
});

test("assemble() refuses a jump that 16 bits cannot say, and lets a call go as far", (t) => {
  const filler = Array.from({ length: 32_768 }, () => mov64Imm(0, 0));
  const forwards = [...filler, { label: "far" }, exit()];
  const backwards: Line[] = [{ label: "far" }, ...filler, { instruction: ja(), to: "far" }];

  const error = t.throws(() => assemble([{ instruction: ja(), to: "far" }, ...forwards]), { instanceOf: RangeError });

  t.is(error.message, 'Cannot assemble: "far" is 32768 instructions from instruction 0, a jump reaches 32767');
  t.throws(() => assemble(backwards), { message: /is -32769 instructions from instruction 32768/ });
  t.is(assemble([{ instruction: callFunction(), to: "far" }, ...forwards]).instructions[0]?.imm, 32_768);
});
