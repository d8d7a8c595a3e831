// SPDX-License-Identifier: Apache-2.0
import { counterColumn, counterColumns, countersDefinition, sumCounters } from "../../../bpf/chain/counters.ts";
import type { ChainToLink, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { toTcxVerdict } from "../../../bpf/chain/tc-verdict.ts";
import type { Kernel, MapBinding } from "../../../bpf/kernel/kernel.ts";
import { libpcap } from "../../../bpf/match/libpcap.ts";
import { loadSegments } from "../../../reconciler/5-apply/load-segments.ts";
import { segmentPin } from "../../../reconciler/model/pins.ts";
import type { Lab } from "../../lab/lab.ts";
import { alone, contents, type Instance, instantiate, isPerCpu } from "./instance.ts";
import { matches, type RandomChain } from "./random-chain.ts";

/** Where a linked chain did something else than its programs one after another. */
export interface Difference {
  readonly what: "packet" | "map" | "counters";
  /** The packet's number, or the map. */
  readonly where: string;
  readonly found: unknown;
  readonly expected: unknown;
}

/** Another chain for the linked side: how a test plants a mistake. */
export type Tamper = (chain: ChainToLink) => ChainToLink;

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

/** Sends packets through a chain both ways, each with fresh maps; null when verdicts, packets, maps and counters are the same. */
export async function findDifference(
  lab: Lab,
  folder: string,
  random: RandomChain,
  packets: readonly Uint8Array[],
  tamper: Tamper = (chain) => chain,
): Promise<Difference | null> {
  const { kernel } = lab;
  const twins = await loadTwins(lab, folder, random, tamper);
  try {
    for (const [number, packet] of packets.entries()) {
      const expected = await runOneByOne(kernel, twins, packet);
      const { verdict, packet: after } = await kernel.run(twins.linkedProgram, { packet });
      const found = { verdict, packet: after };
      if (!sameVerdict(found, expected)) return { what: "packet", where: String(number), found: show(found), expected: show(expected) };
    }
    return (await compareMaps(kernel, twins)) ?? (await compareCounters(kernel, twins));
  } finally {
    await kernel.unpin((await kernel.pins(folder)).map(({ path }) => path));
  }
}

async function loadTwins(lab: Lab, folder: string, { chain, prepared, cuts }: RandomChain, tamper: Tamper): Promise<Twins> {
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
  const loaded = await loadSegments(kernel, {
    directory,
    chain: tamper(chain),
    plan: { kind: "cuts", cuts, reason: null },
    bind: () => maps,
  });
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

async function compareCounters(kernel: Kernel, { chain, counters, expected }: Twins): Promise<Difference | null> {
  const found = sumCounters((await kernel.readMap(counters)).values, 16);
  const wanted = chain.counters === null ? noCounts() : expected;
  const same = found.flat().every((count, cell) => count === wanted.flat()[cell]);
  return same ? null : { what: "counters", where: counters, found: cells(found), expected: cells(wanted) };
}

/** Those that are not 0: row, column, packets. */
function cells(counts: bigint[][]): readonly string[] {
  return counts.flatMap((row, slot) => row.flatMap((count, column) => (count === 0n ? [] : [`${slot}/${column}: ${count}`])));
}

async function compareMaps(kernel: Kernel, { linkedSteps, steps }: Twins): Promise<Difference | null> {
  for (const [index, step] of steps.entries()) {
    const linked = linkedSteps[index] as Instance;
    for (const [number, pin] of step.readable.entries()) {
      const perCpu = isPerCpu(step, pin);
      const expected = await contents(kernel, pin, perCpu);
      const found = await contents(kernel, linked.readable[number] as string, perCpu);
      if (expected.join() !== found.join()) return { what: "map", where: pin, found, expected };
    }
  }
  return null;
}

function sameVerdict(left: Verdict, right: Verdict): boolean {
  return left.verdict === right.verdict && Buffer.compare(left.packet, right.packet) === 0;
}

function show({ verdict, packet }: Verdict): object {
  return { verdict, packet: Buffer.from(packet).toString("hex") };
}
