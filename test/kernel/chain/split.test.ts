// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { countersDefinition, sumCounters } from "../../../bpf/chain/counters.ts";
import { type Cuts, planCuts } from "../../../bpf/chain/cut-chain.ts";
import type { ChainToLink, LinkedChain, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import type { MapBinding } from "../../../bpf/kernel/kernel.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";
import { loadSegments } from "../../../reconciler/5-apply/load-segments.ts";
import { segmentPin } from "../../../reconciler/model/pins.ts";
import { xdpToolsCorpus } from "../../corpus/corpus.ts";
import { randomPacket } from "../../corpus/packets.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { alone, instantiate, prepare } from "./instance.ts";

const pass = 2;

function chainOf(programs: readonly RelocatedProgram[]): ChainToLink {
  const steps = programs.map((program, slot): StepToLink => ({ name: `s${slot}`, program, continueOn: [pass], slot }));
  return { hook: "xdp", name: "sl_split", steps, end: pass, counters: { map: "counters" } };
}

/** Loads a chain whose steps have these maps; gives the segments and what the verifier counted of each. */
async function load(lab: Lab, chain: ChainToLink, maps: Readonly<Record<string, MapBinding>>, given?: Cuts) {
  const { kernel } = lab;
  const counters = `${lab.root}/counters`;
  await kernel.createMap(counters, { name: "counters", definition: countersDefinition(16), btf: null });
  const plan = given ?? planCuts(chain);
  if (plan.kind === "refused") throw new Error(plan.reason);
  const all: Record<string, MapBinding> = { ...maps, counters: { kind: "pinned", path: counters } };
  const directory = `${lab.root}/split`;
  const loaded = await loadSegments(kernel, { directory, chain, plan, bind: () => all });
  if (loaded.kind === "refused") throw new Error(loaded.reason);
  const pins = await kernel.pins(directory);
  const verified = loaded.segments.map((_, number) => {
    const pin = pins.find(({ path }) => path === segmentPin(directory, number));
    return pin?.kind === "program" ? (pin.verified ?? 0) : 0;
  });
  return { ...loaded, plan, program: segmentPin(directory, 0), counters, verified };
}

function logSegments(t: ExecutionContext, segments: readonly LinkedChain[], verified: readonly number[], reason: string | null): void {
  for (const [number, { name, steps, instructions }] of segments.entries()) {
    t.log(`${name}: ${steps.length} steps, ${instructions.length} instructions, ${verified[number]} verified`);
  }
  t.log(reason ?? "one program");
}

for (const copies of [10, 14]) {
  kernelTest(
    `${copies} copies of xdp-tools' filter are as many programs as the verifier needs, and do what they do one after another`,
    async (t, lab) => {
      t.timeout(300_000);
      const filter = xdpToolsCorpus().find((program) => program.function === "xdpfilt_alw_all");
      if (filter === undefined) return t.fail("xdp-tools is not installed");
      const seed = chooseSeed();
      t.log(`SLUICE_SEED=${seed}`);
      const random = seededRandom(seed);
      const prepared = await prepare(lab.kernel, filter, `${lab.root}/prepare`);
      const numbers = Array.from({ length: copies }, (_, number) => number);
      const chain = chainOf(numbers.map(() => prepared.relocated));
      const maps: Record<string, MapBinding> = {};
      const programs: string[] = [];
      for (const number of numbers) {
        const inChain = await instantiate(lab.kernel, prepared, `${lab.root}/in-${number}`);
        for (const [name, binding] of Object.entries(inChain.bindings)) maps[`s${number}/${name}`] = binding;
        const single = await instantiate(lab.kernel, prepared, `${lab.root}/single-${number}`);
        programs.push(`${lab.root}/program-${number}`);
        await lab.kernel.load(`${lab.root}/program-${number}`, { chain: alone(prepared.relocated, "xdp"), maps: single.bindings });
      }

      const { segments, verified, reason, program, counters } = await load(lab, chain, maps);

      logSegments(t, segments, verified, reason);
      t.log(`alone: ${prepared.relocated.processedInstructions} verified`);
      // Kernels differ in what ten take (819,000 to a million); fourteen are too many for one program.
      t.true(segments.length <= 2 && (copies === 10 || segments.length === 2));
      t.true(verified.every((count) => count > 0 && count <= 1_000_000));
      t.is(segments.flatMap(({ steps }) => steps).length, copies);
      const verdicts = new Map<number, number>();
      let lastSeen = 0n;
      for (let number = 0; number < 200; number++) {
        const packet = randomPacket(random);
        let expected = pass;
        for (const [index, each] of programs.entries()) {
          if (index === copies - 1) lastSeen += 1n;
          expected = (await lab.kernel.run(each, { packet })).verdict;
          if (expected !== pass) break;
        }

        const { verdict } = await lab.kernel.run(program, { packet });

        t.is(verdict, expected, Buffer.from(packet).toString("hex"));
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      }
      const counts = sumCounters((await lab.kernel.readMap(counters)).values, 16);
      t.is(
        counts[copies - 1]?.reduce((sum, count) => sum + count, 0n),
        lastSeen,
      );
      t.true((verdicts.get(pass) ?? 0) > 0 && verdicts.size > 1, JSON.stringify([...verdicts]));
    },
  );
}

kernelTest("what the kernel refuses as one program is cut until it takes it", async (t, lab) => {
  t.timeout(300_000);
  const program = await relocate(lab, heavy(20_000));
  const cost = program.processedInstructions ?? 0;
  const steps = Math.ceil(1_000_000 / cost) + 2;
  const chain = chainOf(Array.from({ length: Math.min(steps, 16) }, () => program));
  t.log(`${chain.steps.length} steps of ${cost}`);

  const { segments, verified, reason, program: pin } = await load(lab, chain, {}, { kind: "cuts", cuts: [], reason: null });

  logSegments(t, segments, verified, reason);
  t.is(segments.length, 2);
  t.regex(reason ?? "", /^the kernel refuses it as one: .*BPF program is too large\. Processed 1000001 insn/);
  t.is((await lab.kernel.run(pin, { packet: new Uint8Array(60) })).verdict, pass);
});

kernelTest("a chain of more than 256 functions is split", async (t, lab) => {
  const program = await relocate(lab, functions(60));
  const chain = chainOf(Array.from({ length: 5 }, () => program));

  const { segments, verified, reason, program: pin } = await load(lab, chain, {});

  logSegments(t, segments, verified, reason);
  t.is(segments.length, 2);
  t.regex(reason ?? "", /functions, the kernel allows 256 in one program$/);
  t.is((await lab.kernel.run(pin, { packet: new Uint8Array(60) })).verdict, pass);
});

async function relocate({ kernel, compile }: Lab, source: string): Promise<RelocatedProgram> {
  return kernel.relocate({ object: compile(source, "split"), function: "step", hook: "xdp", globals: {}, maps: {} });
}

const head = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
`;

/** Keeps the verifier going round a loop of ten thousands of rounds, each unlike the one before. */
function heavy(rounds: number): string {
  return `${head}
SEC("xdp") int step(struct xdp_md *ctx)
{
  __u32 sum = 0;
  for (__u32 round = 0; round < ${rounds}; round++)
    asm volatile("%0 += 1" : "+r"(sum));
  return sum == ${rounds} ? XDP_PASS : XDP_DROP;
}
`;
}

/** Functions that are called side by side. */
function functions(count: number): string {
  const numbers = Array.from({ length: count }, (_, number) => number);
  return `${head}
${numbers.map((number) => `static __attribute__((noinline)) int f${number}(int x) { asm volatile("" : "+r"(x)); return x + ${number}; }`).join("\n")}
SEC("xdp") int step(struct xdp_md *ctx)
{
  int sum = ctx->data_end == ctx->data;
${numbers.map((number) => `  sum += f${number}(sum);`).join("\n")}
  asm volatile("" : "+r"(sum));
  return sum == 1 ? XDP_DROP : XDP_PASS;
}
`;
}
