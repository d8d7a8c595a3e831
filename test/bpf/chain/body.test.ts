// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { callFunction, callHelper, exit, loadFunction, loadMap, loadMapValue, mov64Imm, st } from "../../../bpf/asm/build.ts";
import { analyseBody, type BodyFunction } from "../../../bpf/chain/body.ts";
import { isGplCompatible } from "../../../bpf/chain/license.ts";
import { findExcess } from "../../../bpf/chain/limits.ts";
import { step } from "./steps.ts";

test("analyseBody() finds functions, exits, maps and who calls whom", (t) => {
  const instructions = [
    ...loadMap(1, "rules"),
    callFunction(4), // to 7
    ...loadFunction(2, 5), // to 9
    st("dw", 10, -32, 0),
    exit(),
    ...[callHelper(12), exit()],
    ...[...loadMapValue(1, ".bss"), ...loadMap(2, "rules"), callFunction(-7), exit()],
  ];

  const body = analyseBody(instructions);

  t.deepEqual(body, {
    instructions,
    main: body.functions[0] as BodyFunction,
    functions: [
      {
        start: 0,
        end: 7,
        stack: 32,
        stackCertain: true,
        outermostOnly: false,
        callees: [1, 2],
        tailCalls: false,
        packetLoads: false,
        keepsObjects: false,
      },
      {
        start: 7,
        end: 9,
        stack: 0,
        stackCertain: true,
        outermostOnly: false,
        callees: [],
        tailCalls: true,
        packetLoads: false,
        keepsObjects: false,
      },
      {
        start: 9,
        end: 15,
        stack: 0,
        stackCertain: true,
        outermostOnly: false,
        callees: [1],
        tailCalls: false,
        packetLoads: false,
        keepsObjects: false,
      },
    ],
    exits: [6],
    maps: new Set(["rules", ".bss"]),
    callsModules: false,
  });
});

test("analyseBody() refuses a call that leads nowhere", (t) => {
  const error = t.throws(() => analyseBody([callFunction(5), exit()]), { instanceOf: RangeError });

  t.is(error.message, "Instruction 0 calls instruction 6, the program has 2");
  t.throws(() => analyseBody([callFunction(-2), exit()]), { instanceOf: RangeError });
});

test("isGplCompatible() takes what the kernel takes", (t) => {
  t.deepEqual(
    ["GPL", "GPL v2", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL", "GPL and additional rights"].map(isGplCompatible),
    Array(6).fill(true),
  );
  t.deepEqual(["", "gpl", "MIT", "Apache-2.0", "GPLv3"].map(isGplCompatible), Array(5).fill(false));
});

test("findExcess() names the step with which a chain gets too big", (t) => {
  const many = (calls: number) => {
    const main = [...Array.from({ length: calls }, (_, index) => callFunction(calls - index - 1 + 1 + index * 2)), exit()];
    return [...main, ...Array.from({ length: calls }, () => [mov64Imm(0, 0), exit()]).flat()];
  };
  const candidates = ["first", "second"].map((name) => ({
    step: step(name, many(130)),
    body: analyseBody(many(130)),
    match: null,
    leave: null,
    act: null,
  }));
  const inline = { mode: "inline", reason: null } as const;

  t.is(candidates[0]?.body.functions.length, 131);
  t.is(findExcess(candidates.slice(0, 1), [inline], { maps: 0 }), null);
  t.deepEqual(findExcess(candidates, [inline, inline], { maps: 0 }), {
    kind: "refused",
    step: "second",
    reason: "With it the chain has 261 functions, the kernel allows 256 in one program",
  });
});
