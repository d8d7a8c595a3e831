// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { whyNotClassic } from "../../../bpf/match/check-classic.ts";
import { type Classic, decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import { decide } from "../../../bpf/match/decisions.ts";
import { joinRules } from "../../../bpf/match/join-rules.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { manyExpressions } from "./expressions.ts";
import { manyFrames } from "./frames.ts";
import { randomClassic } from "./random-classic.ts";
import { runClassic } from "./run-classic.ts";

test("joinRules() finds the first rule that takes a frame, whatever the rules are", (t) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const frames = manyFrames(seed, 60);
  const expressions = manyExpressions(seed, 300).flatMap((text) => {
    const compiled = compileMatch(text);
    return compiled.kind === "match" ? [decodeClassic(compiled.code)] : [];
  });
  const programs = [...expressions, ...Array.from({ length: 300 }, () => randomClassic(random))].filter(
    (program) => decide(program) !== null,
  );
  let answered = 0;

  for (let list = 0; list < 250; list++) {
    const rules = Array.from({ length: 1 + random.below(12) }, () => random.pick(programs));
    const joined = joinRules(rules) as readonly Classic[];
    t.is(whyNotClassic(joined), null);
    for (const frame of frames) {
      const run = runClassic(joined, frame);
      if (run.cut) continue;
      answered++;
      const expected = 1 + rules.findIndex((rule) => runClassic(rule, frame).result !== 0);
      if (run.result !== expected) {
        return t.fail(`${JSON.stringify(rules)} over ${Buffer.from(frame).toString("hex")}: ${run.result}, not ${expected}`);
      }
    }
  }

  t.true(programs.length > 400, `${programs.length} of the programs are made of decisions`);
  t.true(answered > 10_000, `${answered} frames answered`);
});

test("joinRules() asks nothing twice: a thousand hosts and ports are a chain of comparisons", (t) => {
  const rules = Array.from({ length: 1000 }, (_, index) =>
    compiled(`src host 10.0.${index >> 8}.${index & 255} and tcp dst port ${index}`),
  );

  const joined = joinRules(rules) as readonly Classic[];

  const loads = (at: number) => joined.filter(({ code, k }) => (code & 0x27) === 0x20 && k === at).length;
  t.is(loads(12), 1, "the EtherType is read once");
  t.is(loads(26), 1, "the address too");
  t.is(joined.filter(({ code, k }) => code === 0x15 && k === 0x800).length, 1);
});

test("joinRules() leaves out what an earlier rule has decided", (t) => {
  const joined = joinRules(["ip", "tcp dst port 80", "ip6 and udp"].map(compiled)) as readonly Classic[];

  const results = joined.filter(({ code }) => code === 0x06).map(({ k }) => k);
  t.deepEqual(results.sort(), [0, 1, 2, 3]);
  t.false(
    joined.some(({ code }) => code === 0xb1),
    "for IPv4 the second rule is never asked",
  );
});

test("joinRules() takes no rule that compares two numbers of a packet", (t) => {
  t.is(joinRules([compiled("ip"), compiled("ip[2:2] = len - 14")]), null);
});

function compiled(text: string): readonly Classic[] {
  const match = compileMatch(text);
  if (match.kind === "fault") throw new Error(match.message);
  return decodeClassic(match.code);
}
