// SPDX-License-Identifier: Apache-2.0
import { randomMatchChain, runMatchChain } from "../../bpf/chain/match-chains.ts";
import { manyFrames } from "../../bpf/match/frames.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";

for (const [hook, frags] of [
  ["xdp", false],
  ["xdp", true],
  ["tc-ingress", false],
  ["tc-egress", false],
] as const) {
  kernelTest(`${hook}${frags ? " with fragments" : ""}: steps with a match run for the packets that libpcap takes`, async (t, lab) => {
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const random = seededRandom(seed);
    const frames = manyFrames(seed, 30).filter(({ length }) => length >= 54 && (frags || length < 3000));
    let [linked, split] = [0, 0];
    for (let number = 0; number < 120; number++) {
      const chain = randomMatchChain(random, hook, frags);

      const run = await runMatchChain(lab.kernel, `${lab.root}/${number}`, chain, frames);

      if (run === null) continue;
      linked++;
      if (run.segments.length > 1) split++;
      if (run.wrong !== null) return t.fail(`chain ${number}: ${run.wrong}`);
    }
    t.true(linked > 80 && split > 10, `${linked} chains, ${split} of several programs`);
  });
}
