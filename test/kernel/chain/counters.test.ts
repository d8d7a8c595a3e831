// SPDX-License-Identifier: Apache-2.0
import { counterColumn, countersDefinition, sumCounters } from "../../../bpf/chain/counters.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import type { HookKind, Kernel } from "../../../bpf/kernel/kernel.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";
import { ownCorpus } from "../../corpus/corpus.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { prepare } from "./instance.ts";

/** Slots by step: what a step has counted stays in its row whatever else the chain becomes. */
const slots: Readonly<Record<string, number>> = { shapes: 0, weights: 3, loops: 1, large: 2 };
const rows = 4;

interface Counted {
  readonly kernel: Kernel;
  readonly pin: string;
  /** Runs a chain of these steps on so many packets. */
  run(steps: readonly string[], packets: number): Promise<void>;
}

async function countedChains(lab: Lab, hook: HookKind, functions: Readonly<Record<string, string>>): Promise<Counted> {
  const { kernel, root } = lab;
  const pin = `${root}/counters`;
  await kernel.createMap(pin, { name: "counters", definition: countersDefinition(rows), btf: null });
  const programs = new Map<string, RelocatedProgram>();
  for (const [step, name] of Object.entries(functions)) {
    const program = ownCorpus().find((candidate) => candidate.function === name);
    if (program === undefined) throw new Error(`There is no ${name}`);
    programs.set(step, (await prepare(kernel, program, `${root}/${step}`)).relocated);
  }
  return {
    kernel,
    pin,
    async run(names, packets) {
      const steps = names.map((name) => ({
        name,
        program: programs.get(name) as RelocatedProgram,
        continueOn: [2],
        slot: slots[name] ?? 0,
      }));
      const chain = linkChain({ hook, name: "sl_count", end: 2, counters: { map: "counters" }, steps });
      if (chain.kind === "refused") throw new Error(chain.reason);
      const path = `${root}/${names.join("-")}`;
      await kernel.load(path, { chain, maps: { counters: { kind: "pinned", path: pin } } });
      for (let count = 0; count < packets; count++) await kernel.run(path, { packet: new Uint8Array(61) });
    },
  };
}

/** Packets by step and verdict, over all processors. */
async function counts({ kernel, pin }: Counted, verdict: number): Promise<Readonly<Record<string, number>>> {
  const { values } = await kernel.readMap(pin);
  const sums = sumCounters(values, rows);
  return Object.fromEntries(Object.entries(slots).map(([step, slot]) => [step, Number(sums[slot]?.[counterColumn(verdict)] ?? 0n)]));
}

kernelTest("counters stay with their steps when these are reordered, inserted and removed", async (t, lab) => {
  const chains = await countedChains(lab, "xdp", { shapes: "exits", weights: "global_function", loops: "subprograms", large: "large" });
  const pass = 2;

  await chains.run(["shapes", "weights"], 5);
  t.deepEqual(await counts(chains, pass), { shapes: 5, weights: 5, loops: 0, large: 0 });

  await chains.run(["weights", "shapes"], 3);
  t.deepEqual(await counts(chains, pass), { shapes: 8, weights: 8, loops: 0, large: 0 });

  await chains.run(["weights", "loops", "shapes"], 2);
  t.deepEqual(await counts(chains, pass), { shapes: 10, weights: 10, loops: 2, large: 0 });

  await chains.run(["shapes"], 4);
  t.deepEqual(await counts(chains, pass), { shapes: 14, weights: 10, loops: 2, large: 0 });
});

kernelTest("a step that ends the chain is counted under its verdict, the steps behind it not at all", async (t, lab) => {
  const chains = await countedChains(lab, "xdp", { shapes: "cut_tail", weights: "exits" });

  await chains.run(["shapes", "weights"], 6);

  t.deepEqual(await counts(chains, 1), { shapes: 6, weights: 0, loops: 0, large: 0 });
  t.deepEqual(await counts(chains, 2), { shapes: 0, weights: 0, loops: 0, large: 0 });
});
