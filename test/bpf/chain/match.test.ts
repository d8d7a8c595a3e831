// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { exit, ja, mov64Imm } from "../../../bpf/asm/build.ts";
import { planCuts } from "../../../bpf/chain/cut-chain.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import { linkSegments } from "../../../bpf/chain/link-segments.ts";
import type { LinkedChain, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { verdictProgram } from "../../../bpf/chain/verdict-step.ts";
import { createMemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import type { Classic } from "../../../bpf/match/classic.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { manyFrames } from "../match/frames.ts";
import { chainOf } from "./chains.ts";
import { randomMatchChain, runMatchChain } from "./match-chains.ts";
import { program } from "./steps.ts";

for (const hook of ["xdp", "tc-ingress", "tc-egress"] as const) {
  test(`linkSegments() lays matches in front of steps: ${hook}`, async (t) => {
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const random = seededRandom(seed);
    const frames = manyFrames(seed, 20).filter(({ length }) => length >= 54 && length < 3000);
    const kernel = createMemoryKernel();
    let linked = 0;
    for (let number = 0; number < 150; number++) {
      const chain = randomMatchChain(random, hook, random.chance(0.5));

      const run = await runMatchChain(kernel, `/sys/fs/bpf/${number}`, chain, frames);

      if (run === null) continue;
      linked++;
      if (run.wrong !== null) return t.fail(`chain ${number}: ${run.wrong}`);
    }
    t.true(linked > 100, `${linked} chains`);
  });
}

const first: readonly Classic[] = [
  { code: 0x30, jt: 0, jf: 0, k: 0 },
  { code: 0x16, jt: 0, jf: 0, k: 0 },
];
const verdictStep = (name: string, verdict: number, settings: Partial<StepToLink> = {}): StepToLink => ({
  name,
  program: verdictProgram(verdict),
  continueOn: [2],
  slot: 0,
  match: first,
  ...settings,
});
const must = (linked: ReturnType<typeof linkChain>): LinkedChain => {
  if (linked.kind === "refused") throw new Error(linked.reason);
  return linked;
};

test("linkChain() goes on behind a step that ends the chain, when only some packets meet it", (t) => {
  const ends = { continueOn: [] };

  t.is(linkChain(chainOf([verdictStep("a", 2, ends), verdictStep("b", 1)])).kind, "linked");
  t.is(linkChain(chainOf([verdictStep("a", 2, ends)])).kind, "linked");
});

test("linkChain() says which expression no packet can match", (t) => {
  const far = [{ code: 0x30, jt: 0, jf: 0, k: 70_000 }, ...first.slice(1)];
  const refused = { kind: "refused", step: "b", reason: "No packet at xdp can match its expression" } as const;

  t.deepEqual(linkChain(chainOf([verdictStep("a", 1), verdictStep("b", 1, { match: far })])), refused);
  t.deepEqual(linkSegments(chainOf([verdictStep("a", 1), verdictStep("b", 1, { match: far })]), [1]), refused);
  t.deepEqual(planCuts(chainOf([verdictStep("a", 1), verdictStep("b", 1, { match: far })])), refused);
});

test("linkChain() refuses an expression that jumps cannot reach across, and calls a body that they cannot", (t) => {
  const long = (length: number): readonly Classic[] => [
    ...Array.from({ length }, () => first[0] as Classic),
    { code: 0x16, jt: 0, jf: 0, k: 0 },
  ];
  const body = program([...Array.from({ length: 12_000 }, () => ja(0)), mov64Imm(0, 1), exit()]);

  t.deepEqual(linkChain(chainOf([verdictStep("a", 1, { match: long(8000) })], { hook: "tc-ingress" })), {
    kind: "refused",
    step: "a",
    reason: "Its expression takes 64023 instructions, which jumps of 16 bits cannot reach across",
  });
  const [step] = must(linkChain(chainOf([verdictStep("a", 1, { match: long(8000), program: body }), verdictStep("b", 1)]))).steps;
  t.like(step, { mode: "call", reason: "its jumps would leave the 16-bit range" });
});

test("linkChain() tells how long a match is, which lies in front of the body", (t) => {
  const { match: _, ...plain } = verdictStep("b", 1);

  const { steps } = must(linkChain(chainOf([verdictStep("a", 1), plain])));

  t.is(steps[0]?.match, 8);
  t.is(steps[0]?.start, 9, "behind the context, which is kept, and the match");
  t.false("match" in (steps[1] ?? {}));
});

test("a verdict goes with programs of any license, and with fragments or without", (t) => {
  const own = (license: string, frags: boolean): StepToLink => ({
    name: "own",
    program: program([mov64Imm(0, 2), exit()], { license, frags }),
    continueOn: [2],
    slot: 1,
  });

  const licenses = ["GPL", "Proprietary"].map((license) => must(linkChain(chainOf([verdictStep("a", 1), own(license, false)]))).license);
  t.deepEqual(licenses, ["GPL", "Proprietary"]);
  t.is(must(linkChain(chainOf([verdictStep("a", 1)]))).license, "GPL");
  t.true(must(linkChain(chainOf([verdictStep("a", 1), own("GPL", true)]))).frags);
  t.false(must(linkChain(chainOf([verdictStep("a", 1)]))).frags);
});

test("all matches of a program share one function, which has a name", (t) => {
  const chain = chainOf([verdictStep("a", 0), verdictStep("b", 0)], { hook: "tc-ingress", end: -1 });

  const { functions, instructions } = must(linkChain(chain));

  t.is(functions.length, 2);
  const calls = instructions.filter(({ opcode, src }) => opcode === 0x85 && src === 1);
  t.is(calls.length, 2);
});
