// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { alu64, callFunction, callHelper, exit, mov64Imm, st } from "../../../bpf/asm/build.ts";
import { printInstruction } from "../../../bpf/asm/print.ts";
import { type Cuts, cutFiner, planCuts } from "../../../bpf/chain/cut-chain.ts";
import { mostSegments } from "../../../bpf/chain/limits.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import { cutEverywhere, type LinkedSegments, linkSegments, segmentBounds } from "../../../bpf/chain/link-segments.ts";
import type { ChainToLink, LinkRefusal, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { anyStep, chainOf, expectRun, run, toChain } from "./chains.ts";
import { program, shapes, step, stepHelper, tailCallHelper } from "./steps.ts";

function must<Result extends { readonly kind: string }>(result: Result | LinkRefusal): Result {
  if (result.kind === "refused") throw new Error(JSON.stringify(result));
  return result as Result;
}

const linked = (chain: ChainToLink, cuts: readonly number[]) => must<LinkedSegments>(linkSegments(chain, cuts)).segments;
const cutsOf = (chain: ChainToLink, budget?: number): readonly number[] => must<Cuts>(planCuts(chain, budget)).cuts;

const ask = (n: number): StepToLink["program"]["instructions"] => shapes["plain"]?.(n) ?? [];

/** A step that the verifier walked through so many instructions of. */
const costing = (n: number, processedInstructions: number): StepToLink => ({
  ...step(`s${n}`, ask(n)),
  program: program(ask(n), { processedInstructions }),
});

test("linkSegments() makes programs that do together what one does", (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom<HookKind>("xdp", "tc-ingress", "tc-egress"),
      fc.array(anyStep, { minLength: 1, maxLength: 7 }),
      fc.boolean(),
      fc.constantFrom(2, 1, -1),
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      (hook, steps, counted, end, chosen) => {
        const chain = toChain(hook, steps, counted, end);
        const verdicts = steps.map(({ verdict, continueOn }, n) => (n % 2 === 0 ? verdict : (continueOn[0] as number)));
        const cuts = cutEverywhere(chain).filter((cut) => chosen[cut - 1] === true);

        t.deepEqual(run(linked(chain, cuts), verdicts), expectRun(chain, verdicts));
        t.deepEqual(run(linked(chain, cutEverywhere(chain)), verdicts), expectRun(chain, verdicts));
      },
    ),
    { numRuns: 1000 },
  );
});

test("linkSegments() without cuts gives exactly what linkChain() gives", (t) => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 7 }), fc.boolean(), (steps, counted) => {
      const chain = toChain("xdp", steps, counted, 2);

      t.deepEqual(linked(chain, []) as readonly object[], [linkChain(chain)]);
    }),
  );
});

test("linkSegments() ends a segment with a tail call, and drops the packet when there is nothing to call", (t) => {
  for (const [hook, lost] of [
    ["xdp", 0],
    ["tc-ingress", 2],
  ] as const) {
    const [first, second] = linked(chainOf([step("a", ask(0), { continueOn: [2] }), step("b", ask(1))], { hook, end: 2 }), [1]);

    t.deepEqual(
      first?.instructions
        .map(printInstruction)
        .filter((text) => !text.startsWith("opcode 0x00"))
        .slice(0, 10),
      [
        "*(u64 *)(r10 - 8) = r1",
        `call helper ${stepHelper}`,
        "goto 3",
        "if w0 != 2 goto 11",
        "r1 = *(u64 *)(r10 - 8)",
        "r2 = map[segments]",
        "r3 = 1",
        `call helper ${tailCallHelper}`,
        `r0 = ${lost}`,
        "exit",
      ],
    );
    t.deepEqual([first?.name, second?.name], ["sl_test_xdp", "sl_test_xdp_2"]);
    t.is(run([first as NonNullable<typeof first>], [2]).verdict, lost);
  }
});

test("linkSegments() gives every segment the flag and the type of the whole chain", (t) => {
  const frags = (name: string, value: boolean): StepToLink => ({ ...step(name, ask(0)), program: program(ask(0), { frags: value }) });

  t.deepEqual(
    linked(chainOf([frags("a", true), frags("b", false)]), [1]).map((segment) => segment.frags),
    [false, false],
  );
  t.deepEqual(
    linked(chainOf([frags("a", true), frags("b", true)], { name: "sl_enp0s31f6xdp" }), [1]).map(({ name, frags }) => [name, frags]),
    [
      ["sl_enp0s31f6xdp", true],
      ["sl_enp0s31f6x_2", true],
    ],
  );
});

test("linkSegments() refuses what no cut cures, wherever it is cut", (t) => {
  const unreachable = chainOf([step("always", ask(0), { continueOn: [] }), step("behind", ask(1))]);
  const mixed = chainOf([step("open", ask(0)), { ...step("closed", ask(1)), program: program(ask(1), { license: "MIT" }) }]);

  for (const chain of [unreachable, mixed]) {
    t.deepEqual(linkSegments(chain, [1]) as object, linkChain(chain));
    t.deepEqual(planCuts(chain) as object, linkChain(chain));
  }
});

test("planCuts() cuts nothing that fits", (t) => {
  t.deepEqual(planCuts(chainOf([])), { kind: "cuts", cuts: [], reason: null });
  t.deepEqual(planCuts(chainOf([costing(0, 500_000), costing(1, 500_000)])), { kind: "cuts", cuts: [], reason: null });
});

test("planCuts() shares the verifier's work out evenly, and says why", (t) => {
  const ten = chainOf(Array.from({ length: 10 }, (_, n) => costing(n, 130_000)));

  t.deepEqual(planCuts(ten), {
    kind: "cuts",
    cuts: [5],
    reason:
      'step "s7" does not fit in: the verifier walks through 1040000 instructions of these steps, it gives up at 1000000 in one program',
  });
  t.deepEqual(cutsOf(chainOf([costing(0, 900_000), costing(1, 1), costing(2, 900_000)])), [2]);
});

test("planCuts() needs the fewest segments there can be, and none of them passes the budget", (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 }), (costs) => {
      const cuts = cutsOf(chainOf(costs.map((cost, n) => costing(n, cost))), 100);

      const sums = segmentBounds(costs.length, cuts).map(([start, end]) => costs.slice(start, end).reduce((a, b) => a + b, 0));
      t.true(sums.every((sum) => sum <= 100));
      t.is(sums.length, fewest(costs, 100));
    }),
  );
});

/** By trying every place for the first cut. */
function fewest(costs: readonly number[], budget: number): number {
  let [best, sum] = [Infinity, 0];
  for (let first = 1; first <= costs.length; first++) {
    sum += costs[first - 1] as number;
    if (sum > budget) break;
    best = Math.min(best, 1 + (first === costs.length ? 0 : fewest(costs.slice(first), budget)));
  }
  return best;
}

test("planCuts() cuts where there would be too many maps", (t) => {
  const chain = chainOf(
    Array.from({ length: 65 }, (_, n) => step(`s${n}`, shapes["map"]?.(n) ?? [])),
    { counters: { map: "counters" } },
  );

  const { cuts, reason } = must<Cuts>(planCuts(chain));

  t.is(cuts.length, 1);
  t.is(reason, 'step "s62" does not fit in: with it the chain has 65 maps, the kernel allows 64 in one program');
  for (const segment of linked(chain, cuts)) {
    t.true(new Set(segment.instructions.flatMap(({ map }) => map ?? [])).size <= 64);
  }
});

test("planCuts() cuts where there would be too many functions", (t) => {
  // A main body and 99 functions behind it, each called by the one before: too deep to run, so they are called side by side.
  const functions = (n: number) => [
    ...Array.from({ length: 99 }, (_, index) => callFunction(98 - index + 3 + index * 2)),
    callHelper(stepHelper + n),
    exit(),
    mov64Imm(0, 0),
    exit(),
    ...Array.from({ length: 98 }, () => [mov64Imm(0, 0), exit()]).flat(),
  ];
  const chain = chainOf([0, 1, 2].map((n) => step(`s${n}`, functions(n))));

  t.deepEqual(linkChain(chain), {
    kind: "refused",
    step: "s2",
    reason: "With it the chain has 298 functions, the kernel allows 256 in one program",
  });
  t.is(cutsOf(chain).length, 1);
});

test("planCuts() parts steps whose stacks do not fit beside each other", (t) => {
  // Adds an address to a number, and therefore has to be inlined; then no frame is left for what the other one calls.
  const inlined = [st("dw", 10, -400, 0), mov64Imm(2, -8), alu64("add", 2, 10), mov64Imm(0, 2), exit()];
  const calling = [st("dw", 10, -40, 0), callFunction(1), exit(), st("dw", 10, -160, 0), mov64Imm(0, 2), exit()];
  const chain = chainOf([step("inlined", inlined), step("calling", calling)]);

  const refusal = linkChain(chain);

  t.like(refusal, { kind: "refused", step: "calling" });
  t.deepEqual(planCuts(chain), {
    kind: "cuts",
    cuts: [1],
    reason: 'step "calling" does not fit in: it needs 160 bytes of stack below the chain\'s 416, the kernel has 512 for both',
  });
});

test("planCuts() refuses a step that fits nowhere, and more programs than a packet can meet", (t) => {
  const full = step("full", [st("dw", 10, -512, 0), callHelper(stepHelper), exit()]);

  t.deepEqual(planCuts(chainOf([costing(0, 1), full], { counters: { map: "counters" } })), {
    kind: "refused",
    step: "full",
    reason: "It needs 512 bytes of stack below the chain's 16, the kernel has 512 for both",
  });
  t.deepEqual(planCuts(chainOf(Array.from({ length: mostSegments + 1 }, (_, n) => costing(n, 1_000_000)))), {
    kind: "refused",
    step: "s34",
    reason: "The chain needs 35 programs, and the kernel follows a packet through 34",
  });
  t.is(cutsOf(chainOf(Array.from({ length: mostSegments }, (_, n) => costing(n, 1_000_000)))).length, mostSegments - 1);
});

test("cutFiner() halves the work of one segment, down to single steps", (t) => {
  const chain = chainOf([10, 10, 10, 40, 10].map((cost, n) => costing(n, cost)));

  t.deepEqual(cutFiner(chain, [], 0), [3]);
  t.deepEqual(cutFiner(chain, [3], 0), [1, 3]);
  t.deepEqual(cutFiner(chain, [3], 1), [3, 4]);
  t.is(cutFiner(chain, [3, 4], 2), null);
});

test("cutFiner() refuses more programs than a packet can meet", (t) => {
  const chain = chainOf(Array.from({ length: mostSegments + 1 }, (_, n) => costing(n, 1)));
  const cuts = cutEverywhere(chain).slice(0, -1);

  t.like(cutFiner(chain, cuts, mostSegments - 1), { kind: "refused", step: "s34" });
});
