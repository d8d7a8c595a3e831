// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import type { StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { ownCorpus } from "../../corpus/corpus.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { prepare } from "./instance.ts";

kernelTest("bpftool shows whose function and which source line an instruction of a chain is", async (t, lab) => {
  const steps: StepToLink[] = [];
  for (const [name, wanted] of [
    ["walk", "subprograms"],
    ["loop", "loops"],
    ["shared", "global_function"],
  ] as const) {
    const program = ownCorpus().find((candidate) => candidate.function === wanted);
    if (program === undefined) throw new Error(`There is no ${wanted}`);
    const { relocated } = await prepare(lab.kernel, program, `${lab.root}/${name}`);
    steps.push({ name, program: relocated, continueOn: [2], slot: 0 });
  }
  const chain = linkChain({ hook: "xdp", name: "sl_shown", steps, end: 2, counters: null });
  if (chain.kind === "refused") throw new Error(chain.reason);
  const pin = `${lab.root}/shown`;
  await lab.kernel.load(pin, { chain, maps: {} });

  const madeStatic = chain.steps.flatMap((step) => step.madeStatic ?? []);
  t.true(madeStatic.length > 0);
  const text = execFileSync("bpftool", ["prog", "dump", "xlated", "pinned", pin], { encoding: "utf8" });

  t.deepEqual(text.match(/^int .*:$/gm), [
    "int sl_shown(void * ctx):",
    "int walk__second(void * ctx):",
    "int walk__third(void * ctx):",
    "int loop__add_up(void * ctx):",
    "int loop__count_down(void * ctx):",
    ...madeStatic.map((name) => `int shared__${name}(void * ctx):`),
  ]);
  t.regex(text, /; return \(second\(ctx, 14\) \^ third\(ctx, 2\)\) & 8 \? XDP_DROP : XDP_PASS;/);
  t.regex(text, /; sum->total \+= index \* 7;/);
});
