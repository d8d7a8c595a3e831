// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { whyNotClassic } from "../../../bpf/match/check-classic.ts";
import { decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { encodeClassic } from "./encode-classic.ts";
import { manyExpressions } from "./expressions.ts";
import { manyFrames } from "./frames.ts";
import { offlineFilter } from "./offline-filter.ts";
import { randomClassic } from "./random-classic.ts";
import { runClassic } from "./run-classic.ts";

test("the tests' machine for classic BPF agrees with libpcap's over all expressions and frames", (t) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const frames = manyFrames(seed, 200);
  const matches = new Map<string, number>();
  for (const expression of manyExpressions(seed, 200)) {
    const compiled = compileMatch(expression);
    if (compiled.kind === "fault") continue;
    const program = decodeClassic(compiled.code);
    const wrong = frames.findIndex((frame) => (runClassic(program, frame).result !== 0) !== offlineFilter(compiled.code, frame));
    if (wrong >= 0) return t.fail(`"${expression}" over ${Buffer.from(frames[wrong] as Uint8Array).toString("hex")}`);
    matches.set(expression, frames.filter((frame) => offlineFilter(compiled.code, frame)).length);
  }

  t.true(matches.size >= 300, `${matches.size} expressions`);
  t.true(frames.length >= 300);
  const telling = [...matches.values()].filter((count) => count > 0 && count < frames.length).length;
  t.true(telling >= 240, `${telling} expressions take some frames and leave some`);
});

test("random valid programs run the same in the tests' machine and in libpcap's", (t) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const frames = manyFrames(seed, 30);
  let taken = 0;
  for (let count = 0; count < 300; count++) {
    const program = randomClassic(random);
    t.is(whyNotClassic(program), null);
    const code = encodeClassic(program);
    for (const frame of frames) {
      const { result, disputed } = runClassic(program, frame);
      if (result !== 0) taken++;
      // M that was never written, and constants shifted by 32, are whatever a build of libpcap makes of them.
      if (!disputed && (result !== 0) !== offlineFilter(code, frame)) {
        return t.fail(`${JSON.stringify(program)} over ${Buffer.from(frame).toString("hex")}`);
      }
    }
  }
  t.true(taken > 1000);
});
