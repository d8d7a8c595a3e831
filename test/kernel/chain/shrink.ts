// SPDX-License-Identifier: Apache-2.0
import type { ChainToLink, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import type { RandomChain } from "./random-chain.ts";

/** A chain and packets that show a difference. */
export interface Failing {
  readonly random: RandomChain;
  readonly packets: readonly Uint8Array[];
}

/** The shortest frame that BPF_PROG_TEST_RUN takes: at XDP an Ethernet header, at tc an IPv4 header more. */
const shortest = { xdp: 14, "tc-ingress": 54, "tc-egress": 54 } as const;

/**
 * The smallest that still fails: fewer packets, steps, cuts, matches, then shorter packets with more zeros. At most `tries` attempts, so
 * that a slow failure ends as well.
 */
export async function shrink(failing: Failing, fails: (smaller: Failing) => Promise<boolean>, tries = 400): Promise<Failing> {
  let best = failing;
  let left = tries;
  const accept = async (smaller: Failing): Promise<boolean> => {
    if (left === 0) return false;
    left -= 1;
    // A part of a chain may be something that cannot be linked or loaded: no smaller failure.
    if (!(await fails(smaller).catch(() => false))) return false;
    best = smaller;
    return true;
  };
  for (let progress = true; progress && left > 0; ) {
    progress = false;
    for (const candidates of [fewerPackets, fewerSteps, simplerChain, smallerPackets]) {
      // The candidates of what has just become smaller, until none of them fails any more.
      for (let again = true; again; ) {
        again = false;
        for (const smaller of candidates(best)) {
          if (!(await accept(smaller))) continue;
          [again, progress] = [true, true];
          break;
        }
      }
    }
  }
  return best;
}

/** Halves first, then all but one. */
function* fewerPackets({ random, packets }: Failing): Generator<Failing> {
  const half = packets.length >> 1;
  if (half > 0) for (const part of [packets.slice(half), packets.slice(0, half)]) yield { random, packets: part };
  if (packets.length > 1) for (const [index] of packets.entries()) yield { random, packets: packets.filter((_, at) => at !== index) };
}

function* fewerSteps({ random, packets }: Failing): Generator<Failing> {
  const { chain, prepared } = random;
  if (chain.steps.length < 2) return;
  for (const [index] of chain.steps.entries()) {
    const without = <Item>(items: readonly Item[]): readonly Item[] => items.filter((_, at) => at !== index);
    const smaller = { ...chain, steps: without(chain.steps) };
    yield { random: { chain: smaller, prepared: without(prepared), cuts: [] }, packets };
  }
}

/** One program, no counters, no matches, no steps that are called without need. */
function* simplerChain({ random, packets }: Failing): Generator<Failing> {
  const { chain } = random;
  const change = (changed: Partial<RandomChain>): Failing => ({ random: { ...random, ...changed }, packets });
  if (random.cuts.length > 0) yield change({ cuts: [] });
  if (chain.counters !== null) yield change({ chain: { ...chain, counters: null } });
  for (const [index, { match, mode, ...plain }] of chain.steps.entries()) {
    if (match !== undefined || mode !== undefined) yield change({ chain: withStep(chain, index, plain) });
  }
}

function withStep(chain: ChainToLink, index: number, step: StepToLink): ChainToLink {
  return { ...chain, steps: chain.steps.with(index, step) };
}

function* smallerPackets({ random, packets }: Failing): Generator<Failing> {
  for (const [index, packet] of packets.entries()) {
    const replace = (smaller: Uint8Array): Failing => ({ random, packets: packets.with(index, smaller) });
    for (let cut = packet.length >> 1; cut > 0; cut >>= 1) {
      if (packet.length - cut >= shortest[random.chain.hook]) yield replace(packet.slice(0, packet.length - cut));
    }
    for (let piece = packet.length >> 1; piece > 0; piece >>= 1) {
      for (let at = 0; at < packet.length; at += piece) {
        if (packet.subarray(at, at + piece).some((byte) => byte !== 0)) yield replace(packet.slice().fill(0, at, at + piece));
      }
    }
  }
}
