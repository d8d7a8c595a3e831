// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { type Classic, decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import type { MatchTarget } from "../../../bpf/match/packet-access.ts";
import { batchProgram, batchSize } from "../../bpf/match/batch.ts";
import { encodeClassic } from "../../bpf/match/encode-classic.ts";
import { manyExpressions } from "../../bpf/match/expressions.ts";
import { manyFrames } from "../../bpf/match/frames.ts";
import { offlineFilter } from "../../bpf/match/offline-filter.ts";
import { randomClassic } from "../../bpf/match/random-classic.ts";
import { runClassic } from "../../bpf/match/run-classic.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { socketFilter } from "./socket-filter.ts";

interface Subject {
  readonly name: string;
  readonly program: readonly Classic[];
  expects(frame: Uint8Array): boolean;
}

const targets: readonly MatchTarget[] = [
  { hook: "xdp", frags: false },
  { hook: "xdp", frags: true },
  { hook: "tc-ingress", frags: false },
];

for (const target of targets) {
  const where = `${target.hook}${target.frags ? " with fragments" : ""}`;

  kernelTest(`${where}: expressions take the frames that libpcap takes`, async (t, lab) => {
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const subjects = manyExpressions(seed, 250).flatMap((expression): Subject[] => {
      const compiled = compileMatch(expression);
      if (compiled.kind === "fault") return [];
      const expects = (frame: Uint8Array) => offlineFilter(compiled.code, frame);
      return [{ name: expression, program: decodeClassic(compiled.code), expects }];
    });
    const frames = [...manyFrames(seed, 250), ...(target.frags ? severalPieces(seed) : [])].filter((frame) => isRunnable(target, frame));

    const runs = await compare(lab, target, subjects, frames);

    t.true(subjects.length >= 300 && frames.length >= 300, `${subjects.length} expressions, ${frames.length} frames`);
    t.is(runs.wrong, null);
    t.true(runs.taken > 10_000, `${runs.taken} taken`);
  });

  kernelTest(`${where}: random classic BPF does what it does in libpcap`, async (t, lab) => {
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const random = seededRandom(seed);
    const subjects = Array.from({ length: 500 }, (): Subject => {
      const program = randomClassic(random);
      return { name: JSON.stringify(program), program, expects: (frame) => runClassic(program, frame).result !== 0 };
    });

    const frames = [...manyFrames(seed, 40), ...(target.frags ? severalPieces(seed) : [])].filter((frame) => isRunnable(target, frame));

    const runs = await compare(lab, target, subjects, frames);

    t.is(runs.wrong, null);
    t.true(runs.taken > 1000, `${runs.taken} taken`);
  });
}

test("random classic BPF does what it does in the kernel's own machine", (t) => {
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const frames = manyFrames(seed, 20);
  let compared = 0;
  for (let count = 0; count < 400; count++) {
    const program = randomClassic(random);
    const filter = socketFilter(encodeClassic(program));
    if (filter === null) continue;
    try {
      for (const frame of frames) {
        const { result, disputed } = runClassic(program, frame);
        if (disputed) continue;
        compared++;
        if (filter.takes(frame) !== (result !== 0)) {
          return t.fail(`${JSON.stringify(program)} over ${Buffer.from(frame).toString("hex")}`);
        }
      }
    } finally {
      filter.close();
    }
  }
  t.true(compared > 10_000, `${compared} runs`);
});

interface Comparison {
  readonly taken: number;
  readonly wrong: string | null;
}

async function compare(lab: Lab, target: MatchTarget, subjects: readonly Subject[], frames: readonly Uint8Array[]): Promise<Comparison> {
  let taken = 0;
  for (let start = 0; start < subjects.length; start += batchSize) {
    const batch = subjects.slice(start, start + batchSize);
    const pin = `${lab.root}/batch${start}`;
    await lab.kernel.load(pin, {
      chain: batchProgram(
        batch.map(({ program }) => program),
        target,
      ),
      maps: {},
    });
    for (const frame of frames) {
      const { verdict } = await lab.kernel.run(pin, { packet: frame });
      for (const [index, { name, expects }] of batch.entries()) {
        const expected = expects(frame);
        if (expected) taken++;
        if (((verdict >>> index) & 1) === Number(expected)) continue;
        const wrong = `"${name}" should ${expected ? "" : "not "}take ${Buffer.from(frame).toString("hex")}`;
        return { taken, wrong };
      }
    }
    await lab.kernel.unpin([pin]);
  }
  return { taken, wrong: null };
}

/** At tc, BPF_PROG_TEST_RUN refuses frames that end in their IP header; those go over a wire in vlan.test.ts. */
function isRunnable({ hook }: MatchTarget, frame: Uint8Array): boolean {
  const type = Buffer.from(frame).readUInt16BE(12);
  return hook === "xdp" || frame.length >= 14 + (type === 0x0800 ? 20 : type === 0x86dd ? 40 : 0);
}

/** Frames that need more than one page, so that their end is in another piece. */
function severalPieces(seed: number): readonly Uint8Array[] {
  const random = seededRandom(seed);
  return manyFrames(seed, 0)
    .filter((frame) => frame.length >= 40)
    .map((frame) => Uint8Array.from({ length: 4000 + random.below(8000) }, (_, index) => frame[index] ?? random.below(256)));
}
