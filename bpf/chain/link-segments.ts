// SPDX-License-Identifier: Apache-2.0
import { analyseSteps, linkCandidates, refuseSteps } from "./link-chain.ts";
import type { ChainToLink, LinkedChain, LinkRefusal } from "./linked-chain.ts";
import { takesFragments } from "./verdict-step.ts";

/** A chain as the programs that it was cut into, in the order in which packets meet them; one when it was not cut. */
export interface LinkedSegments {
  readonly kind: "segments";
  readonly segments: readonly LinkedChain[];
}

/** What segments call the program array that leads from one to the next: the one numbered n, counted from 0, is at index n. */
export const segmentsReference = "segments";

/**
 * Links a chain as several programs: each number in `cuts`, ascending, is a step that begins another one. A packet that every step
 * of a segment let through goes on by one tail call, with everything as if the chain were one program: verdicts, counters, end.
 * Without cuts the only segment is what linkChain() makes.
 */
export function linkSegments(chain: ChainToLink, cuts: readonly number[]): LinkedSegments | LinkRefusal {
  const candidates = analyseSteps(chain);
  if ("kind" in candidates) return candidates;
  const refusal = refuseSteps(chain, candidates);
  if (refusal !== null) return refusal;
  const frags = takesFragments(chain.steps);
  const segments: LinkedChain[] = [];
  for (const [number, [start, end]] of segmentBounds(chain.steps.length, cuts).entries()) {
    const linked = linkCandidates(segmentOf(chain, number, start, end), candidates.slice(start, end));
    if (linked.kind === "refused") return linked;
    // A program array takes programs of one kind only, and the flag is part of the kind.
    segments.push({ ...linked, frags });
  }
  return { kind: "segments", segments };
}

/** The cuts that make every step a segment of its own. */
export function cutEverywhere({ steps }: ChainToLink): readonly number[] {
  return steps.map((_, index) => index).slice(1);
}

/** Where segments begin and end: [start, end) in steps. */
export function segmentBounds(steps: number, cuts: readonly number[]): readonly (readonly [number, number])[] {
  return [0, ...cuts].map((start, index) => [start, cuts[index] ?? steps] as const);
}

/** Steps [start, end) as a chain of their own, which goes on with the next segment where there is one. */
export function segmentOf(chain: ChainToLink, number: number, start: number, end: number): ChainToLink {
  const segment = { ...chain, name: segmentName(chain.name, number), steps: chain.steps.slice(start, end) };
  return end === chain.steps.length ? segment : { ...segment, next: { map: segmentsReference, index: number + 1 } };
}

const longestName = 15;

/** "sl_eth0_xdp", "sl_eth0_xdp_2", "sl_eth0_xdp_3". */
function segmentName(chain: string, number: number): string {
  if (number === 0) return chain;
  const suffix = `_${number + 1}`;
  return `${chain.slice(0, longestName - suffix.length)}${suffix}`;
}
