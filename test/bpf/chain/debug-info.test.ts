// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { callFunction, callHelper, exit, mov64Imm } from "../../../bpf/asm/build.ts";
import { appendStaticFunctions, mergeBtf } from "../../../bpf/btf/merge.ts";
import { readBtf } from "../../../bpf/btf/read.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import type { LinkedChain, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import type { LineInfo } from "../../../bpf/object/relocated-program.ts";
import { program, step } from "./steps.ts";

/** BTF with these functions; their ids begin at 4. */
const btfOf = (...names: readonly string[]) => appendStaticFunctions(mergeBtf([]).btf, names).btf;

function link(steps: readonly StepToLink[], name = "sl_eth0_xdp"): LinkedChain {
  const chain = linkChain({ hook: "xdp", name, steps, end: 2, counters: null });
  if (chain.kind === "refused") throw new Error(chain.reason);
  return chain;
}

/** Names of functions by where they begin. */
function namesOf({ btf, functions }: LinkedChain): Readonly<Record<number, string>> {
  const { types } = readBtf(btf as Uint8Array);
  return Object.fromEntries(
    functions.map(({ instruction, type }) => {
      const found = types[type];
      if (found?.kind !== "function" || found.linkage !== "static") throw new Error(`Type ${type} is no static function`);
      return [instruction, found.name];
    }),
  );
}

const line = (instruction: number, text: number): LineInfo => ({ instruction, file: 1, line: text, position: 7 << 10 });
const nested = [callFunction(1), exit(), callHelper(12), exit()];

test("a chain's functions are named after step and function", (t) => {
  const btf = btfOf("main_body", "walk");
  const functions = [
    { instruction: 0, type: 4 },
    { instruction: 2, type: 5 },
  ];
  const known = { ...step("rate-limit", nested), program: program(nested, { btf, functions }) };

  t.deepEqual(namesOf(link([known, { ...known, name: "2nd.step", mode: "call" }])), {
    0: "sl_eth0_xdp",
    10: "rate_limit__walk",
    12: "_2nd_step__main_body",
    14: "_2nd_step__walk",
  });
});

test("functions without BTF are numbered", (t) => {
  t.deepEqual(namesOf(link([step("a", nested, { mode: "call" })], "9.chain")), { 0: "_9_chain", 5: "a__filter", 7: "a__filter_1" });
  const [, long] = Object.values(namesOf(link([step("x".repeat(200), nested)])));
  t.is(long, "x".repeat(127));
});

test("a source line of an instruction that is not there is left out", (t) => {
  const btf = btfOf("f", "g");
  const damaged = {
    ...step("a", nested),
    program: program(nested, { btf, lines: [line(0, 5), line(nested.length, 9), line(1 << 30, 11)] }),
  };

  const { lines } = link([damaged]);

  t.is(lines.filter((found) => found.line !== 0).length, 1);
});

test("source lines move with their instructions, the chain's own have none", (t) => {
  const btf = btfOf("f", "g");
  const other = btfOf("h");
  const first = program(nested, { btf, lines: [line(0, 5), line(1, 9), line(2, 11)] });
  const second = program([mov64Imm(0, 2), exit()], { btf: other, lines: [line(0, 3)] });

  const result = link([
    { ...step("a", nested), program: first },
    { ...step("b", []), program: second },
    { ...step("c", []), program: { ...second, btf: new Uint8Array(other) } },
    step("no-btf", [mov64Imm(0, 2), exit()]),
  ]);

  const strings = 1 + "int\0ctx\0f\0g\0".length;
  const none = { file: 0, line: 0, position: 0 };
  const moved = { file: 1 + strings, line: 3 + strings, position: 7 << 10 };
  t.deepEqual(result.lines, [
    { instruction: 0, ...none },
    line(1, 5),
    line(2, 9),
    { instruction: 3, ...none },
    { instruction: 4, ...none },
    { instruction: 5, ...moved },
    { instruction: 7, ...none },
    { instruction: 8, ...none },
    { instruction: 9, ...moved },
    { instruction: 11, ...none },
    { instruction: 12, ...none },
    { instruction: 15, ...none },
    line(19, 11),
  ]);
});
