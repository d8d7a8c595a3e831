// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { isCall } from "../../../bpf/asm/inspect.ts";
import { createMemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { whyNotClassic } from "../../../bpf/match/check-classic.ts";
import { type Classic, decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import type { MatchTarget } from "../../../bpf/match/packet-access.ts";
import { translateMatch } from "../../../bpf/match/translate.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { batchProgram, batchSize } from "./batch.ts";
import { manyExpressions } from "./expressions.ts";
import { manyFrames } from "./frames.ts";
import { randomClassic } from "./random-classic.ts";
import { runClassic } from "./run-classic.ts";

const targets: readonly MatchTarget[] = [
  { hook: "xdp", frags: false },
  { hook: "xdp", frags: true },
  { hook: "tc-egress", frags: false },
];
const labels = { prefix: "match", noMatch: "no match", load: "load" };

for (const target of targets) {
  test(`translateMatch() keeps what programs do: ${target.hook}${target.frags ? " with fragments" : ""}`, async (t) => {
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const random = seededRandom(seed);
    const compiled = manyExpressions(seed, 0).map((text) => compileMatch(text));
    const programs = [
      ...compiled.flatMap((match) => (match.kind === "match" ? [decodeClassic(match.code)] : [])),
      ...Array.from({ length: 200 }, () => randomClassic(random)),
    ];
    const frames = manyFrames(seed, 20).filter((frame) => frame.length >= 54 && frame.length < 3000);
    const kernel = createMemoryKernel();

    for (let start = 0; start < programs.length; start += batchSize) {
      const batch = programs.slice(start, start + batchSize);
      const pin = `/sys/fs/bpf/batch${start}`;
      await kernel.load(pin, { chain: batchProgram(batch, target), maps: {} });
      for (const frame of frames) {
        const { verdict } = await kernel.run(pin, { packet: frame });
        for (const [index, program] of batch.entries()) {
          const expected = runClassic(program, frame).result !== 0;
          if (((verdict >>> index) & 1) !== Number(expected)) {
            return t.fail(`${JSON.stringify(program)} over ${Buffer.from(frame).toString("hex")}`);
          }
        }
      }
    }
    t.pass();
  });
}

test("translateMatch() checks once for all loads that a match comes to", (t) => {
  const code = translated("tcp dst port 443 and src net 10.0.0.0/8", { hook: "xdp", frags: false });

  const checks = code.lines.filter((line) => "to" in line && line.instruction.opcode === 0x2d).length;
  t.is(checks, 2, "one for fixed places, one for the port behind the IP header");
  t.false(code.calls);
  t.is(code.stack, 0);
});

test("translateMatch() calls the load function only where packets have more than one piece", (t) => {
  const text = "ether[0] = 2";
  const calls = (target: MatchTarget) => translated(text, target).lines.filter((line) => "to" in line && isCall(line.instruction)).length;

  t.deepEqual(targets.map(calls), [0, 1, 1]);
});

test("translateMatch() says how much of the stack it changes", (t) => {
  const store = (k: number): Classic[] => [
    { code: 0x02, jt: 0, jf: 0, k },
    { code: 0x60, jt: 0, jf: 0, k },
    { code: 0x16, jt: 0, jf: 0, k: 0 },
  ];
  const stack = (k: number) => {
    const code = translateMatch(store(k), { hook: "xdp", frags: false }, labels);
    return code.kind === "code" ? code.stack : null;
  };

  t.deepEqual([stack(0), stack(1), stack(2), stack(15)], [8, 8, 16, 64]);
});

test("translateMatch() knows when no packet can match", (t) => {
  const far: Classic[] = [
    { code: 0x30, jt: 0, jf: 0, k: 70_000 },
    { code: 0x06, jt: 0, jf: 0, k: 1 },
  ];

  t.is(translateMatch([{ code: 0x06, jt: 0, jf: 0, k: 0 }], { hook: "tc-ingress", frags: false }, labels).kind, "never");
  t.is(translateMatch(far, { hook: "xdp", frags: false }, labels).kind, "never");
  t.is(translateMatch(far, { hook: "xdp", frags: true }, labels).kind, "code");
});

test("whyNotClassic() refuses what is no program", (t) => {
  const why = (...program: readonly (readonly [number, number?, number?, number?])[]) =>
    whyNotClassic(program.map(([code, k = 0, jt = 0, jf = 0]) => ({ code, k, jt, jf })));

  t.is(why([0x06]), null);
  t.is(why(), "the program is empty");
  t.is(why([0x05, 5], [0x06]), "instruction 0 leads out of the program");
  t.is(why([0x00]), "instruction 0 leads out of the program");
  t.is(why([0x15, 0, 0, 9], [0x06]), "instruction 0 leads out of the program");
  t.is(why([0x34, 0], [0x06]), "instruction 0: division by zero");
  t.is(why([0x02, 16], [0x06]), "instruction 0: there is no M[16]");
  t.is(why([0x61, 16], [0x06]), "instruction 0: there is no M[16]");
  for (const code of [0x38, 0x21, 0xb4, 0x55, 0x26, 0x17, 0x0a, 0x104, 0x105]) {
    t.is(why([code], [0x06]), `instruction 0: unknown code 0x${code.toString(16)}`);
  }
  t.is(
    whyNotClassic(Array.from({ length: 8193 }, () => ({ code: 0x06, jt: 0, jf: 0, k: 0 }))),
    "the program has 8193 instructions, at most 8192 can be translated",
  );
  t.throws(() => decodeClassic(new Uint8Array(7)), { message: "Cannot decode classic BPF: 7 bytes are not a multiple of 8" });
});

function translated(text: string, target: MatchTarget) {
  const match = compileMatch(text);
  if (match.kind === "fault") throw new Error(match.message);
  const code = translateMatch(decodeClassic(match.code), target, labels);
  if (code.kind === "never") throw new Error("never");
  return code;
}
