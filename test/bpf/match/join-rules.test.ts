// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { whyNotClassic } from "../../../bpf/match/check-classic.ts";
import { type Classic, decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import { decide } from "../../../bpf/match/decisions.ts";
import { joinRules, shortenProgram } from "../../../bpf/match/join-rules.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { ethernet, ipv4, tcp, udp } from "../../lab/packet.ts";
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

test("joinRules() searches lists of hosts at both ends, and keeps the order of their rules", (t) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const host = () => `10.0.0.${random.below(40)}`;
  const port = () => 1000 + random.below(4);
  const makers = [
    () => `host ${host()} and tcp port ${port()}`,
    () => `host ${host()}`,
    () => `src host ${host()} and udp dst port ${port()}`,
    () => `dst net 10.0.0.${8 * random.below(5)}/29`,
  ];
  let taken = 0;

  for (let list = 0; list < 40; list++) {
    const rules = Array.from({ length: 10 + random.below(40) }, () => compiled(random.pick(makers.slice(0, 1 + (list % 4)))()));
    const joined = joinRules(rules) as readonly Classic[];
    for (let count = 0; count < 100; count++) {
      const ports = { from: port(), to: port() };
      const frame = ethernet({}, ipv4({ src: host(), dst: host() }, random.chance(0.7) ? tcp(ports) : udp(ports)));
      const expected = 1 + rules.findIndex((rule) => runClassic(rule, frame).result !== 0);
      if (expected > 0) taken++;
      const { result, cut } = runClassic(joined, frame);
      if (cut || result !== expected) return t.fail(`rule ${result}, not ${expected}, of ${Buffer.from(frame).toString("hex")}`);
    }
  }

  t.true(taken > 1000, `${taken} frames taken`);
});

test("shortenProgram() takes the frames that the program took, also those that end early", (t) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const host = () => `10.0.0.${random.below(60)}`;
  const join = (count: number, make: () => string): string => Array.from({ length: count }, () => `(${make()})`).join(" or ");
  let [taken, short, changed] = [0, 0, 0];

  for (let round = 0; round < 20; round++) {
    const text =
      round % 2 === 0 ? join(50, () => `host ${host()}`) : join(40, () => `host ${host()} and tcp port ${1000 + random.below(9)}`);
    const program = compiled(text);
    const shorter = shortenProgram(program);
    if (shorter !== program) changed++;
    t.is(whyNotClassic(shorter), null);
    for (let count = 0; count < 150; count++) {
      const whole = ethernet({}, ipv4({ src: host(), dst: host() }, tcp({ from: 1000 + random.below(9), to: 1000 + random.below(9) })));
      const frame = random.chance(0.5) ? whole : whole.slice(0, 14 + random.below(30));
      if (frame.length < whole.length) short++;
      const { result } = runClassic(program, frame);
      if (result !== 0) taken++;
      if ((runClassic(shorter, frame).result !== 0) !== (result !== 0)) return t.fail(Buffer.from(frame).toString("hex"));
    }
  }

  t.true(taken > 500 && short > 1000 && changed >= 10, `${taken} taken, ${short} short, ${changed} changed`);
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
