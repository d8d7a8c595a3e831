// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { callHelper, exit, mov64Imm, st } from "../../../bpf/asm/build.ts";
import { printInstruction } from "../../../bpf/asm/print.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import type { ChainToLink, LinkedChain, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { anyStep, chainOf, expectRun, run, toChain } from "./chains.ts";
import { program, shapes, step, stepHelper } from "./steps.ts";

function linked(chain: ChainToLink): LinkedChain {
  const result = linkChain(chain);
  if (result.kind === "refused") throw new Error(`${result.step}: ${result.reason}`);
  return result;
}

const textOf = (chain: LinkedChain): string[] => chain.instructions.map(printInstruction);

test("linkChain() makes programs that do what the steps do one after another", (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom<HookKind>("xdp", "tc-ingress", "tc-egress"),
      fc.array(anyStep, { maxLength: 7 }),
      fc.boolean(),
      fc.constantFrom(2, 1, -1),
      (hook, steps, counted, end) => {
        const chain = toChain(hook, steps, counted, end);
        const verdicts = steps.map(({ verdict, continueOn }, n) => (n % 2 === 0 ? verdict : (continueOn[0] as number)));

        t.deepEqual(run([linked(chain)], verdicts), expectRun(chain, verdicts));
      },
    ),
    { numRuns: 1000 },
  );
});

const ask = (n: number): StepToLink["program"]["instructions"] => shapes["plain"]?.(n) ?? [];

test("linkChain() puts two steps into one body", (t) => {
  const chain = chainOf([step("first", [callHelper(5), exit()]), step("second", [st("w", 10, -20, 7), mov64Imm(0, 1), exit()])]);

  const result = linked(chain);

  t.deepEqual(textOf(result), [
    "*(u64 *)(r10 - 32) = r1",
    "call helper 5",
    "goto 3",
    "if w0 != 2 goto 11",
    "r1 = *(u64 *)(r10 - 32)",
    "*(u32 *)(r10 - 20) = 7",
    "r0 = 1",
    "goto 8",
    "if w0 != 2 goto 11",
    "r0 = 2",
    "exit",
    "exit",
  ]);
  t.deepEqual(result.steps, [
    { name: "first", mode: "inline", reason: null, start: 1, end: 3 },
    { name: "second", mode: "inline", reason: null, start: 5, end: 8 },
  ]);
});

test("linkChain() looks the counters up once and counts after every step", (t) => {
  const chain = chainOf([step("only", [callHelper(5), exit()], { slot: 3 })], { counters: { map: "counters" } });

  t.deepEqual(textOf(linked(chain)), [
    "*(u64 *)(r10 - 8) = r1",
    "*(u64 *)(r10 - 16) = 0",
    "r1 = map[counters]",
    "opcode 0x00 dst 0 src 0 offset 0 imm 0",
    "r2 = r10",
    "r2 += -16",
    "call helper 1",
    "if r0 != 0 goto 10",
    "r0 = 1",
    "exit",
    "*(u64 *)(r10 - 16) = r0",
    "r1 = *(u64 *)(r10 - 8)",
    "call helper 5",
    "goto 14",
    "w1 = w0",
    "w1 += 1",
    "if w1 < 15 goto 18",
    "r1 = 15",
    "r1 <<= 3",
    "r2 = *(u64 *)(r10 - 16)",
    "r2 += r1",
    "r1 = *(u64 *)(r2 + 384)",
    "r1 += 1",
    "*(u64 *)(r2 + 384) = r1",
    "if w0 != 2 goto 27",
    "r0 = 2",
    "exit",
    "exit",
  ]);
});

test("linkChain() calls a step that makes tail calls, and the step behind it still runs", (t) => {
  const result = linked(chainOf([step("tails", shapes["tail call"]?.(0) ?? []), step("plain", ask(1))]));

  t.deepEqual(
    result.steps.map(({ mode, reason }) => [mode, reason]),
    [
      ["call", "it makes tail calls, which would leave the chain"],
      ["inline", null],
    ],
  );
  t.deepEqual(textOf(result).slice(1, 3), ["call function at 10", "if w0 != 2 goto 9"]);
  t.deepEqual(result.steps[0], { ...result.steps[0], start: 10, end: 15 });
  t.deepEqual(run([result], [2, 1]), { verdict: 1, ran: [0, 1], counted: {} });
});

test("linkChain() of nothing returns the end verdict", (t) => {
  const result = linked(chainOf([], { end: 1, counters: { map: "counters" } }));

  t.deepEqual(textOf(result), ["r0 = 1", "exit"]);
  t.is(result.license, "GPL");
});

test("linkChain() puts nothing behind a last step that always ends the chain", (t) => {
  t.deepEqual(textOf(linked(chainOf([step("last", ask(0), { continueOn: [] })]))), ["call helper 1000", "goto 2", "goto 3", "exit"]);
});

test("linkChain() names maps by their step", (t) => {
  const result = linked(
    chainOf([step("a", shapes["map"]?.(0) ?? []), step("b", shapes["map"]?.(1) ?? [])], { counters: { map: "counters" } }),
  );

  t.deepEqual(
    result.instructions.flatMap(({ map }) => map ?? []),
    ["counters", "a/rules", "b/rules"],
  );
});

test("linkChain() ends long chains where the steps are, and leaves out what nothing leads to", (t) => {
  const long = (n: number): StepToLink =>
    step(`s${n}`, [...Array.from({ length: 9000 }, () => mov64Imm(6, 0)), ...ask(n)], { continueOn: n === 2 ? [] : [2] });
  for (const hook of ["xdp", "tc-ingress"] as const) {
    const chain = chainOf([long(0), long(1), long(2)], { hook });
    const result = linked(chain);

    for (const verdicts of [
      [2, 2, 2],
      [1, 2, 2],
      [2, 1, 2],
      [2, 2, 0],
    ])
      t.deepEqual(run([result], verdicts), expectRun(chain, verdicts));
    t.is(textOf(result).filter((text) => text === "exit").length, hook === "xdp" ? 3 : 6);
  }
});

test("linkChain() is frags-aware only when every step is", (t) => {
  const frags = (name: string, value: boolean): StepToLink => ({ ...step(name, ask(0)), program: program(ask(0), { frags: value }) });

  t.true(linked(chainOf([frags("a", true), frags("b", true)])).frags);
  t.false(linked(chainOf([frags("a", true), frags("b", false)])).frags);
  t.false(linked(chainOf([])).frags);
});

test("linkChain() declares the licence that all steps agree on", (t) => {
  const licensed = (license: string): StepToLink => ({ ...step("a", ask(0)), program: program(ask(0), { license }) });

  t.is(linked(chainOf([licensed("Dual BSD/GPL"), licensed("GPL v2")])).license, "GPL");
  t.is(linked(chainOf([licensed("Proprietary"), licensed("MIT")])).license, "Proprietary");
});

test("linkChain() gives the same program for the same steps", (t) => {
  const chain = chainOf([step("a", shapes["sub-programs"]?.(0) ?? []), step("b", ask(1))]);

  t.deepEqual(linkChain(chain), linkChain(chain));
});

const refusals: readonly (readonly [string, ChainToLink, string, string])[] = [
  [
    "mixed licenses",
    chainOf([step("open", ask(0)), { ...step("closed", ask(1)), program: program(ask(1), { license: "Proprietary" }) }]),
    "closed",
    'Its license "Proprietary" is not compatible with the GPL, which step "open" is under: both would be one program',
  ],
  [
    "a step that never runs",
    chainOf([step("a", ask(0)), step("always", ask(1), { continueOn: [] }), step("behind", ask(2))]),
    "behind",
    'It never runs: step "always" before it continues on no verdict',
  ],
  [
    "calls of kernel modules",
    chainOf([step("a", ask(0)), step("b", [{ ...callHelper(7), src: 2, offset: 1 }, exit()])]),
    "b",
    "It calls functions of kernel modules, which cannot be linked into a chain",
  ],
  [
    "too many maps",
    chainOf(Array.from({ length: 65 }, (_, n) => step(`s${n}`, shapes["map"]?.(n) ?? []))),
    "s64",
    "With it the chain has 65 maps, the kernel allows 64 in one program",
  ],
  [
    "a stack that is full",
    chainOf([step("a", ask(0)), step("deep", [st("dw", 10, -512, 0), callHelper(stepHelper), exit()])]),
    "deep",
    "It needs 512 bytes of stack below the chain's 16, the kernel has 512 for both",
  ],
];

for (const [what, chain, name, reason] of refusals) {
  test(`linkChain() refuses ${what}`, (t) => {
    t.deepEqual(linkChain(chain), { kind: "refused", step: name, reason });
  });
}
