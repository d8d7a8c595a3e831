// SPDX-License-Identifier: Apache-2.0
import { linkSegments } from "../../../bpf/chain/link-segments.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import type { Prepared } from "./instance.ts";
import { describeChain, packetFor, prepareAll, randomChain } from "./random-chain.ts";
import { type Failing, shrink } from "./shrink.ts";
import { findDifference, type Tamper } from "./twins.ts";

const packetsPerChain = 24;
const cases = Number(process.env["SLUICE_CASES"] ?? 2_000);

const hooks: readonly (readonly [HookKind, number])[] = [
  ["xdp", 0.7],
  ["tc-ingress", 0.3],
];

for (const [hook, share] of hooks) {
  kernelTest(`${hook}: random chains do what their programs do one after another`, async (t, lab) => {
    t.timeout(3_600_000);
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const random = seededRandom(seed);
    const corpus = await prepareAll(lab, hook);
    const modes = new Map<string, number>();
    const segments = new Map<number, number>();
    let [done, jumbo] = [0, 0];

    for (let number = 0; done < cases * share; number++) {
      const chain = randomChain(random, hook, corpus);
      const linked = linkSegments(chain.chain, chain.cuts);
      if (linked.kind === "refused") continue;
      for (const { steps } of linked.segments) for (const { mode } of steps) modes.set(mode, (modes.get(mode) ?? 0) + 1);
      segments.set(linked.segments.length, (segments.get(linked.segments.length) ?? 0) + 1);
      const packets = Array.from({ length: packetsPerChain }, () => packetFor(chain, random));
      jumbo += packets.filter(({ length }) => length > 4096).length;
      const folder = `${lab.root}/chain-${number}`;
      if ((await findDifference(lab, folder, chain, packets)) !== null) t.fail(await report(lab, { random: chain, packets }));
      done += packetsPerChain;
    }

    t.log(`${done} cases of ${corpus.length} programs; ${[...modes].map(([mode, count]) => `${count} steps ${mode}`).join(", ")}`);
    t.log(
      [...segments]
        .sort(([a], [b]) => a - b)
        .map(([programs, chains]) => `${chains} chains of ${programs} programs`)
        .join(", "),
    );
    t.log(`${jumbo} packets of several fragments`);
    t.true((segments.get(1) ?? 0) > 0 && [...segments.keys()].some((programs) => programs > 2));
    t.true(done >= cases * share && (modes.get("inline") ?? 0) > 0 && (modes.get("call") ?? 0) > 0);
    t.true(jumbo > 0 || hook !== "xdp");
  });
}

kernelTest("what fails is shrunk to the step and the packet that show it", async (t, lab) => {
  const random = seededRandom(1);
  const corpus = await prepareAll(lab, "xdp");
  const prepared = ["large", "in_array", "exits", "constants"].map(
    (name) => corpus.find(({ program }) => program.function === name) as Prepared,
  );
  const steps = prepared.map(({ program, relocated }, slot) => ({
    name: `s${slot}-${program.function}`,
    program: relocated,
    continueOn: [2],
    slot,
  }));
  const chain = { hook: "xdp", name: "sl_test", steps, end: 2, counters: { map: "counters" } } as const;
  const drawn = { chain, prepared, cuts: [2] };
  const failing = { random: drawn, packets: Array.from({ length: packetsPerChain }, () => packetFor(drawn, random)) };

  const said = await report(lab, failing, goesOnAfterDrops);

  t.log(said);
  const [, packet = ""] = /^s2-exits → \[2\], end 2\npacket ([0-9a-f]+)\n\{/.exec(said) ?? [];
  t.true(packet.length > 0 && packet.length <= 2 * 20, said);
});

/** A mistake to be found: the linked chain goes on where the step "exits" drops. */
const goesOnAfterDrops: Tamper = (chain) => ({
  ...chain,
  steps: chain.steps.map((step) => (step.name.endsWith("-exits") ? { ...step, continueOn: [1, 2] } : step)),
});

/** The smallest chain and packets that still differ, and how, ready to be told. */
async function report(lab: Lab, failing: Failing, tamper?: Tamper): Promise<string> {
  let number = 0;
  const differs = async ({ random, packets }: Failing) => {
    number += 1;
    return findDifference(lab, `${lab.root}/shrunk-${number}`, random, packets, tamper);
  };
  const smallest = await shrink(failing, async (smaller) => (await differs(smaller)) !== null);
  const packets = smallest.packets.map((packet) => `packet ${Buffer.from(packet).toString("hex")}\n`).join("");
  return `${describeChain(smallest.random.chain)}\n${packets}${JSON.stringify(await differs(smallest), null, 1)}`;
}
