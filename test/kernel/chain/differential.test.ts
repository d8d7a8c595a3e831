// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { counterColumn, counterColumns, countersDefinition, sumCounters } from "../../../bpf/chain/counters.ts";
import { cutEverywhere, linkSegments } from "../../../bpf/chain/link-segments.ts";
import type { ChainToLink, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { toTcxVerdict } from "../../../bpf/chain/tc-verdict.ts";
import { defaultContinue, endVerdict } from "../../../bpf/chain/verdict.ts";
import type { HookKind, Kernel, MapBinding } from "../../../bpf/kernel/kernel.ts";
import { decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import { libpcap } from "../../../bpf/match/libpcap.ts";
import { loadSegments } from "../../../reconciler/5-apply/load-segments.ts";
import { segmentPin } from "../../../reconciler/model/pins.ts";
import { type CorpusProgram, libraryCorpus, wholeCorpus, xdpToolsCorpus } from "../../corpus/corpus.ts";
import { randomPacket } from "../../corpus/packets.ts";
import { chooseSeed, type Random, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { alone, contents, type Instance, instantiate, isPerCpu, type Prepared, prepare } from "./instance.ts";

const packetsPerChain = 24;
const cases = Number(process.env["SLUICE_CASES"] ?? 2_160);

/** The same steps twice, each time with maps of their own: linked into one program, and as programs one after another. */
interface Twins {
  readonly chain: ChainToLink;
  readonly linkedProgram: string;
  readonly linkedSteps: readonly Instance[];
  readonly programs: readonly string[];
  readonly steps: readonly Instance[];
  readonly counters: string;
  /** How often each step was seen to give each verdict, one after another: by row and column of the counters. */
  readonly expected: bigint[][];
}

interface Verdict {
  readonly verdict: number;
  readonly packet: Uint8Array;
}

const hooks: readonly (readonly [HookKind, number])[] = [
  ["xdp", 0.7],
  ["tc-ingress", 0.3],
];

for (const [hook, share] of hooks) {
  kernelTest(`${hook}: random chains do what their programs do one after another`, async (t, lab) => {
    t.timeout(300_000);
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const random = seededRandom(seed);
    const corpus = await prepareAll(lab, hook);
    const modes = new Map<string, number>();
    const segments = new Map<number, number>();
    let done = 0;

    for (let number = 0; done < cases * share; number++) {
      const chain = randomChain(random, hook, corpus);
      const linked = linkSegments(chain.chain, chain.cuts);
      if (linked.kind === "refused") continue;
      for (const { steps } of linked.segments) for (const { mode } of steps) modes.set(mode, (modes.get(mode) ?? 0) + 1);
      segments.set(linked.segments.length, (segments.get(linked.segments.length) ?? 0) + 1);
      const twins = await loadTwins(lab, `${lab.root}/chain-${number}`, chain);
      for (let packet = 0; packet < packetsPerChain; packet++) await comparePacket(t, lab.kernel, twins, packetFor(hook, random));
      await compareMaps(t, lab.kernel, twins);
      await compareCounters(t, lab.kernel, twins);
      await removeTwins(lab.kernel, `${lab.root}/chain-${number}`);
      done += packetsPerChain;
    }

    t.log(`${done} cases of ${corpus.length} programs; ${[...modes].map(([mode, count]) => `${count} steps ${mode}`).join(", ")}`);
    t.log(
      [...segments]
        .sort(([a], [b]) => a - b)
        .map(([programs, chains]) => `${chains} chains of ${programs} programs`)
        .join(", "),
    );
    t.true((segments.get(1) ?? 0) > 0 && [...segments.keys()].some((programs) => programs > 2));
    t.true(done >= cases * share && (modes.get("inline") ?? 0) > 0 && (modes.get("call") ?? 0) > 0);
  });
}

async function prepareAll(lab: Lab, hook: HookKind): Promise<readonly Prepared[]> {
  const programs: readonly CorpusProgram[] = [...wholeCorpus(), ...libraryCorpus(), ...xdpToolsCorpus()].filter(
    (program) => program.hook === hook,
  );
  const prepared: Prepared[] = [];
  for (const [index, program] of programs.entries()) prepared.push(await prepare(lab.kernel, program, `${lab.root}/prepare-${index}`));
  return prepared;
}

interface RandomChain {
  readonly chain: ChainToLink;
  /** None half of the time; the rest at random or everywhere. */
  readonly cuts: readonly number[];
  readonly prepared: readonly Prepared[];
}

/** A third of the steps are for some packets only. */
const matches = ["tcp", "not ip6", "src net 10.0.0.0/8 or vlan", "udp[4:2] > 30 or len > 200"].map((expression) => {
  const match = compileMatch(expression);
  if (match.kind === "fault") throw new Error(match.message);
  return { code: match.code, program: decodeClassic(match.code) };
});

function randomChain(random: Random, hook: HookKind, corpus: readonly Prepared[]): RandomChain {
  const prepared = Array.from({ length: 1 + random.below(6) }, () => random.pick(corpus));
  const steps = prepared.map(({ program, relocated }, index): StepToLink => {
    const step = {
      name: `s${index}-${program.function}`,
      program: relocated,
      continueOn: continueOn(random, hook),
      slot: random.below(16),
    };
    const matched = random.chance(0.33) ? { ...step, match: random.pick(matches).program } : step;
    return random.chance(0.15) ? { ...matched, mode: "call" } : matched;
  });
  const counters = random.chance(0.5) ? { map: "counters" } : null;
  const chain = { hook, name: "sl_test", steps, end: endVerdict(hook, random.chance(0.9) ? "pass" : "drop"), counters };
  const share = random.pick([0, 0, 0.5, 1]);
  return { chain, prepared, cuts: cutEverywhere(chain).filter(() => random.chance(share)) };
}

function continueOn(random: Random, hook: HookKind): readonly number[] {
  if (random.chance(0.75)) return defaultContinue(hook);
  return Array.from({ length: 1 + random.below(4) }, () => random.below(10) - 1);
}

async function loadTwins(lab: Lab, folder: string, { chain, prepared, cuts }: RandomChain): Promise<Twins> {
  const { kernel } = lab;
  const maps: Record<string, MapBinding> = { counters: { kind: "pinned", path: `${folder}/counters` } };
  await kernel.createMap(`${folder}/counters`, { name: "counters", definition: countersDefinition(16), btf: null });
  const [linkedSteps, steps, programs]: [Instance[], Instance[], string[]] = [[], [], []];
  for (const [index, each] of prepared.entries()) {
    const inChain = await instantiate(kernel, each, `${folder}/linked-${index}`);
    for (const [name, binding] of Object.entries(inChain.bindings)) maps[`${chain.steps[index]?.name}/${name}`] = binding;
    linkedSteps.push(inChain);
    const single = await instantiate(kernel, each, `${folder}/single-${index}`);
    await kernel.load(`${folder}/program-${index}`, { chain: alone(each.relocated, chain.hook), maps: single.bindings });
    steps.push(single);
    programs.push(`${folder}/program-${index}`);
  }
  const directory = `${folder}/linked`;
  const loaded = await loadSegments(kernel, { directory, chain, plan: { kind: "cuts", cuts, reason: null }, bind: () => maps });
  if (loaded.kind === "refused") throw new Error(loaded.reason);
  return {
    chain,
    linkedProgram: segmentPin(directory, 0),
    linkedSteps,
    programs,
    steps,
    counters: `${folder}/counters`,
    expected: noCounts(),
  };
}

/** BPF_PROG_TEST_RUN of newer kernels makes no socket buffer of an IP packet that is shorter than its header. */
function packetFor(hook: HookKind, random: Random): Uint8Array {
  const packet = randomPacket(random);
  const shortest = 54;
  return hook === "xdp" || packet.length >= shortest
    ? packet
    : new Uint8Array(Buffer.concat([packet, Buffer.alloc(shortest)])).slice(0, shortest);
}

async function comparePacket(t: ExecutionContext, kernel: Kernel, twins: Twins, packet: Uint8Array): Promise<void> {
  const expected = await runOneByOne(kernel, twins, packet);
  const { verdict, packet: after } = await kernel.run(twins.linkedProgram, { packet });
  const found = { verdict, packet: after };
  if (sameVerdict(found, expected)) return;
  t.deepEqual(show(found), show(expected), `${describe(twins.chain)} on ${Buffer.from(packet).toString("hex")}`);
}

/** What a chain means: programs one after another, each with the packet that the one before left. */
async function runOneByOne(kernel: Kernel, { chain, programs, expected }: Twins, packet: Uint8Array): Promise<Verdict> {
  let current = packet;
  for (const [index, program] of programs.entries()) {
    const taken = matches.find((match) => match.program === chain.steps[index]?.match)?.code;
    if (taken !== undefined && !libpcap().takes(taken, current)) continue;
    const result = await kernel.run(program, { packet: current });
    current = result.packet;
    const { slot, continueOn } = chain.steps[index] as StepToLink;
    const row = expected[slot] as bigint[];
    row[counterColumn(result.verdict)] = (row[counterColumn(result.verdict)] as bigint) + 1n;
    if (!continueOn.includes(result.verdict)) return { verdict: returned(chain, result.verdict), packet: current };
  }
  return { verdict: returned(chain, chain.end), packet: current };
}

function returned({ hook }: ChainToLink, verdict: number): number {
  return hook === "xdp" ? verdict : toTcxVerdict(verdict);
}

function noCounts(): bigint[][] {
  return Array.from({ length: 16 }, () => Array.from({ length: counterColumns }, () => 0n));
}

async function compareCounters(t: ExecutionContext, kernel: Kernel, { chain, counters, expected }: Twins): Promise<void> {
  const found = sumCounters((await kernel.readMap(counters)).values, 16);
  t.deepEqual(found, chain.counters === null ? noCounts() : expected, describe(chain));
}

async function compareMaps(t: ExecutionContext, kernel: Kernel, { chain, linkedSteps, steps }: Twins): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const linked = linkedSteps[index] as Instance;
    for (const [number, pin] of step.readable.entries()) {
      const perCpu = isPerCpu(step, pin);
      const expected = await contents(kernel, pin, perCpu);
      const found = await contents(kernel, linked.readable[number] as string, perCpu);
      if (expected.join() !== found.join()) t.deepEqual(found, expected, `${pin} of ${describe(chain)}`);
    }
  }
}

async function removeTwins(kernel: Kernel, folder: string): Promise<void> {
  await kernel.unpin((await kernel.pins(folder)).map(({ path }) => path));
}

function sameVerdict(left: Verdict, right: Verdict): boolean {
  return left.verdict === right.verdict && Buffer.compare(left.packet, right.packet) === 0;
}

function show({ verdict, packet }: Verdict): object {
  return { verdict, packet: Buffer.from(packet).toString("hex") };
}

function describe({ steps, end, counters }: ChainToLink): string {
  const texts = steps.map(
    ({ name, mode, match, continueOn }) =>
      `${name}${match === undefined ? "" : " (for some)"}${mode === undefined ? "" : ` (${mode})`} → [${continueOn.join()}]`,
  );
  return `${texts.join(", ")}, end ${end}${counters === null ? "" : ", counted"}`;
}
