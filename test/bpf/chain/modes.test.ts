// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { alu64, callFunction, callHelper, exit, mov64, mov64Imm, st } from "../../../bpf/asm/build.ts";
import type { Instruction } from "../../../bpf/asm/instruction.ts";
import { callKinds } from "../../../bpf/asm/opcodes.ts";
import { analyseBody } from "../../../bpf/chain/body.ts";
import { chooseModes } from "../../../bpf/chain/modes.ts";
import { step } from "./steps.ts";

const slots = 16;

/** A function with a frame of this size, that calls the next one after it `calls` times over. */
const frame = (bytes: number, ...inside: readonly Instruction[]): Instruction[] => [
  ...(bytes === 0 ? [] : [st("dw", 10, -bytes, 0)]),
  ...inside,
  mov64Imm(0, 0),
  exit(),
];
/** Functions that call each other in a row, with frames of these sizes. */
const nested = (...frames: readonly number[]): Instruction[] =>
  frames.flatMap((bytes, index) => (index === frames.length - 1 ? frame(bytes) : frame(bytes, callFunction(2))));

const choose = (bodies: readonly (readonly Instruction[])[], own = slots) =>
  chooseModes(
    bodies.map((instructions, index) => ({
      step: step(`s${index}`, instructions),
      body: analyseBody(instructions),
      match: null,
      leave: null,
      act: null,
    })),
    own,
  );

const modesOf = (bodies: readonly (readonly Instruction[])[]) => {
  const chosen = choose(bodies);
  return chosen.kind === "refused" ? chosen.reason : [chosen.depth, ...chosen.modes.map(({ reason }) => reason)];
};

test("chooseModes() inlines what fits, the deepest body deciding where the slots go", (t) => {
  t.deepEqual(modesOf([nested(480), nested(100), nested(0)]), [480, null, null, null]);
  t.deepEqual(modesOf([nested(200, 200), nested(64, 64, 64)]), [200, null, null]);
});

test("chooseModes() calls the deepest body when another one's callees do not fit below it", (t) => {
  const reason = "its 400 bytes of stack do not fit beside the other steps'";

  t.deepEqual(modesOf([nested(400), nested(40, 160)]), [40, reason, null]);
  t.deepEqual(modesOf([nested(40, 112), nested(64), nested(400)]), [64, null, null, reason]);
});

test("chooseModes() counts on the frames of a newer kernel only where it must", (t) => {
  t.deepEqual(modesOf([nested(464, 16)]), [464, null]);
  t.is(modesOf([nested(496, 32)]), "It needs 528 bytes of stack below the chain's 16, the kernel has 512 for both");
});

test("chooseModes() refuses stacks that fit in no way", (t) => {
  t.deepEqual(choose([nested(0), nested(512)]), {
    kind: "refused",
    step: "s1",
    reason: "It needs 512 bytes of stack below the chain's 16, the kernel has 512 for both",
  });
});

test("chooseModes() leaves a chain without slots all of the stack", (t) => {
  t.deepEqual(choose([nested(512)], 0), { kind: "modes", modes: [{ mode: "inline", reason: null }], depth: 512 });
});

test("chooseModes() calls what would leave the chain", (t) => {
  const packetLoad: Instruction = { opcode: 0x30, dst: 0, src: 0, offset: 0, imm: 12 };
  const unsure = [mov64(2, 10), alu64("add", 2, 1), st("b", 2, -8, 0), mov64Imm(0, 0), exit()];
  const far = [exit(), ...Array.from({ length: 20_000 }, () => mov64Imm(0, 0)), exit()];

  t.deepEqual(modesOf([[callHelper(12), exit()], [packetLoad, exit()], unsure, far, nested(8)]), [
    8,
    "it makes tail calls, which would leave the chain",
    "it reads packets by LD_ABS, which would end the chain where a packet is too short",
    "how deep it reaches into the stack depends on a number that may be negative",
    "its jumps would leave the 16-bit range",
    null,
  ]);
});

test("chooseModes() calls what may leave an object of the kernel on the stack", (t) => {
  const reason = "it may leave objects of the kernel on the stack, which no other step could use then";
  const kernelFunction: Instruction = { ...callHelper(4711), src: callKinds.kernel };
  t.deepEqual(modesOf([frame(8, callHelper(197)), frame(8, callHelper(198)), frame(8, kernelFunction), frame(8, callHelper(1))]), [
    8,
    reason,
    reason,
    reason,
    null,
  ]);
});

test("chooseModes() inlines a step whose sub-program makes the tail call", (t) => {
  t.deepEqual(modesOf([[callFunction(1), exit(), callHelper(12), exit()]]), [0, null]);
});

test("chooseModes() calls a step that asks for it", (t) => {
  const instructions = nested(8);
  const chosen = chooseModes(
    [{ step: step("s", instructions, { mode: "call" }), body: analyseBody(instructions), match: null, leave: null, act: null }],
    slots,
  );

  t.deepEqual(chosen, { kind: "modes", modes: [{ mode: "call", reason: "asked for" }], depth: 0 });
});

test("chooseModes() keeps the stack above tail calls small", (t) => {
  const tails = [callHelper(12), exit()];

  t.deepEqual(modesOf([tails, nested(200)]), [200, "it makes tail calls, which would leave the chain", null]);
  t.deepEqual(modesOf([tails, nested(300)]), [
    0,
    "it makes tail calls, which would leave the chain",
    "its 304 bytes of stack do not fit beside the other steps'",
  ]);
  t.is(modesOf([[...frame(240, callFunction(2)), ...tails]]), "It makes a tail call below 256 bytes of stack, the kernel allows 255");
});

test("chooseModes() refuses what calls too deep or itself", (t) => {
  t.is(modesOf([nested(...Array.from({ length: 9 }, () => 0))]), "Its functions call each other 8 deep, the chain leaves room for 7");
  t.deepEqual(modesOf([nested(...Array.from({ length: 8 }, () => 0))]), [0, null]);
  t.is(modesOf([[callFunction(1), exit(), callFunction(-1), exit()]]), "It calls itself, which the kernel does not allow");
});

/** Uses this much of its stack by an address that it adds to a number. */
const confusing = (bytes: number, ...more: readonly Instruction[]): Instruction[] => [
  mov64Imm(2, 0),
  mov64(3, 10),
  alu64("add", 2, 3),
  st("dw", 2, -bytes, 0),
  ...more,
  mov64Imm(0, 0),
  exit(),
];

test("chooseModes() never calls a body that the verifier would misunderstand", (t) => {
  const reason = "its 352 bytes of stack do not fit beside the other steps'";

  t.deepEqual(modesOf([confusing(96), nested(352), nested(0, 160)]), [96, null, reason, null]);
  t.deepEqual(choose([confusing(400), nested(40, 160)]), {
    kind: "refused",
    step: "s1",
    reason: "It needs 160 bytes of stack below the chain's 416, the kernel has 512 for both",
  });
  t.deepEqual(choose([confusing(8, callHelper(12))]), {
    kind: "refused",
    step: "s0",
    reason:
      "It has to be called (it makes tail calls, which would leave the chain), but adds a stack address to a number, " +
      "which the verifier mistakes in called functions",
  });
});

test("chooseModes() inlines a body that it is not sure about when it may not be called", (t) => {
  t.deepEqual(modesOf([[mov64(3, 10), alu64("add", 1, 3), st("dw", 1, -24, 0), mov64Imm(0, 0), exit()]]), [24, null]);
});
