// SPDX-License-Identifier: Apache-2.0
import { cutEverywhere } from "../../../bpf/chain/link-segments.ts";
import type { ChainToLink, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { defaultContinue, endVerdict } from "../../../bpf/chain/verdict.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import { type CorpusProgram, libraryCorpus, wholeCorpus, xdpToolsCorpus } from "../../corpus/corpus.ts";
import { furtherCorpus } from "../../corpus/further.ts";
import { jumboPacket, pagePacket, randomPacket } from "../../corpus/packets.ts";
import type { Random } from "../../corpus/random.ts";
import type { Lab } from "../../lab/lab.ts";
import { type Prepared, prepare } from "./instance.ts";

/** Every program for a hook that the set-up builds or installs, relocated. */
export async function prepareAll(lab: Lab, hook: HookKind): Promise<readonly Prepared[]> {
  const programs: readonly CorpusProgram[] = [...wholeCorpus(), ...libraryCorpus(), ...xdpToolsCorpus(), ...furtherCorpus()].filter(
    (program) => program.hook === hook,
  );
  const prepared: Prepared[] = [];
  for (const [index, program] of programs.entries()) prepared.push(await prepare(lab.kernel, program, `${lab.root}/prepare-${index}`));
  return prepared;
}

/** A chain drawn at random, of programs that know how to be set up. */
export interface RandomChain {
  readonly chain: ChainToLink;
  /** None half of the time; the rest at random or everywhere. */
  readonly cuts: readonly number[];
  readonly prepared: readonly Prepared[];
}

/** A third of the steps are for some packets only. */
export const matches = ["tcp", "not ip6", "src net 10.0.0.0/8 or vlan", "udp[4:2] > 30 or len > 200"].map((expression) => {
  const match = compileMatch(expression);
  if (match.kind === "fault") throw new Error(match.message);
  return { code: match.code, program: decodeClassic(match.code) };
});

/** One to six steps; one chain in four only of programs that take XDP frags, for packets of several fragments. */
export function randomChain(random: Random, hook: HookKind, corpus: readonly Prepared[]): RandomChain {
  const pool = hook === "xdp" && random.chance(0.25) ? corpus.filter(({ relocated }) => relocated.frags) : corpus;
  const prepared = Array.from({ length: 1 + random.below(6) }, () => random.pick(pool));
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

/** A packet that this chain can be given: jumbo frames where it takes fragments, at tc up to a page. */
export function packetFor({ chain }: RandomChain, random: Random): Uint8Array {
  if (chain.hook === "xdp") return takesFrags(chain) && random.chance(0.3) ? jumboPacket(random) : randomPacket(random);
  // BPF_PROG_TEST_RUN of newer kernels makes no socket buffer of an IP packet that is shorter than its header.
  const shortest = 54;
  const packet = random.chance(0.1) ? pagePacket(random) : randomPacket(random);
  return packet.length >= shortest ? packet : new Uint8Array(Buffer.concat([packet, Buffer.alloc(shortest)])).slice(0, shortest);
}

function takesFrags({ steps }: ChainToLink): boolean {
  return steps.every(({ program }) => program.frags);
}

/** The chain in a line. */
export function describeChain({ steps, end, counters }: ChainToLink): string {
  const texts = steps.map(
    ({ name, mode, match, continueOn }) =>
      `${name}${match === undefined ? "" : " (for some)"}${mode === undefined ? "" : ` (${mode})`} → [${continueOn.join()}]`,
  );
  return `${texts.join(", ")}, end ${end}${counters === null ? "" : ", counted"}`;
}
