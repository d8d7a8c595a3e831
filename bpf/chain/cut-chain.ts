// SPDX-License-Identifier: Apache-2.0
import { mostSegments, verifierBudget } from "./limits.ts";
import { analyseSteps, fitCandidates, refuseSteps } from "./link-chain.ts";
import { segmentBounds, segmentOf } from "./link-segments.ts";
import type { ChainToLink, LinkRefusal, StepToLink } from "./linked-chain.ts";
import type { Candidate } from "./modes.ts";

/** Where a chain has to be cut: the steps that begin another segment, ascending. */
export interface Cuts {
  readonly kind: "cuts";
  readonly cuts: readonly number[];
  /** Why it is not one program, as part of a sentence; null when it is. */
  readonly reason: string | null;
}

/**
 * Cuts a chain into as few segments as can be, and these into equal shares of the verifier's work: what it counted for each step alone
 * adds up. Everything else that the kernel limits (maps, functions, stack, calls) is met as well. Refuses a step that fits nowhere.
 */
export function planCuts(chain: ChainToLink, budget = verifierBudget): Cuts | LinkRefusal {
  const candidates = analyseSteps(chain);
  if ("kind" in candidates) return candidates;
  const refusal = refuseSteps(chain, candidates);
  if (refusal !== null) return refusal;
  if (whyNotOne(chain, candidates, 0, candidates.length, budget) === null) return { kind: "cuts", cuts: [], reason: null };
  const first = pack(chain, candidates, budget);
  if (first.kind === "refused") return first;
  if (first.cuts.length >= mostSegments) return tooMany(chain, first.cuts);
  return evenOut(chain, candidates, first, budget);
}

/**
 * Cuts one segment in two, where the halves are most alike in the verifier's work: the kernel has refused it although the sum says
 * that it fits. Refuses when that makes too many; null when the segment is a single step.
 */
export function cutFiner(chain: ChainToLink, cuts: readonly number[], segment: number): readonly number[] | LinkRefusal | null {
  const [start, end] = segmentBounds(chain.steps.length, cuts)[segment] as readonly [number, number];
  if (end - start < 2) return null;
  const larger = (cut: number): number => Math.max(costOf(chain.steps.slice(start, cut)), costOf(chain.steps.slice(cut, end)));
  const places = Array.from({ length: end - start - 1 }, (_, index) => start + 1 + index);
  const best = places.reduce((a, b) => (larger(b) < larger(a) ? b : a));
  const finer = [...cuts, best].sort((a, b) => a - b);
  return finer.length < mostSegments ? finer : tooMany(chain, finer);
}

/** Fills one segment after the other. Because any part of what fits in one program fits as well, no other way needs fewer. */
function pack(chain: ChainToLink, candidates: readonly Candidate[], budget: number): Cuts | LinkRefusal {
  const cuts: number[] = [];
  let reason: string | null = null;
  let start = 0;
  for (let end = 1; end <= candidates.length; end++) {
    const obstacle = whyNotOne(chain, candidates, start, end, budget);
    if (obstacle === null) continue;
    if (end - start === 1) return obstacle;
    reason ??= `step "${obstacle.step}" does not fit in: ${obstacle.reason.charAt(0).toLowerCase()}${obstacle.reason.slice(1)}`;
    start = end - 1;
    cuts.push(start);
    end--;
  }
  return { kind: "cuts", cuts, reason };
}

/** The lowest share of the verifier's work that still takes no more segments. */
function evenOut(chain: ChainToLink, candidates: readonly Candidate[], first: Cuts, budget: number): Cuts {
  let best = first;
  let [low, high] = [Math.max(...chain.steps.map((step) => costOf([step]))), budget];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = pack(chain, candidates, middle);
    if (found.kind === "cuts" && found.cuts.length === first.cuts.length) [best, high] = [found, middle];
    else low = middle + 1;
  }
  return { ...best, reason: first.reason };
}

/** What keeps steps [start, end) from being one program. Which segment it is makes no difference to that. */
function whyNotOne(chain: ChainToLink, candidates: readonly Candidate[], start: number, end: number, budget: number): LinkRefusal | null {
  const fitted = fitCandidates(segmentOf(chain, 0, start, end), candidates.slice(start, end));
  if (fitted.kind === "refused") return fitted;
  const cost = costOf(chain.steps.slice(start, end));
  if (end - start === 1 || cost <= budget) return null;
  const reason = `the verifier walks through ${cost} instructions of these steps, it gives up at ${budget} in one program`;
  return { kind: "refused", step: (chain.steps[end - 1] as StepToLink).name, reason };
}

/** What the verifier walks through for one instruction of a match in classic BPF: more than was ever seen. */
const costOfMatch = 60;

/** Instructions that the verifier walked through, step by step alone; their length where it did not say. */
function costOf(steps: readonly StepToLink[]): number {
  return steps.reduce((sum, { program, match = [], rules = [] }) => {
    const classic = rules.reduce((length, rule) => length + rule.match.length, match.length);
    return sum + (program.processedInstructions ?? program.instructions.length) + classic * costOfMatch;
  }, 0);
}

function tooMany({ steps }: ChainToLink, cuts: readonly number[]): LinkRefusal {
  const step = (steps[cuts[mostSegments - 1] as number] as StepToLink).name;
  const reason = `The chain needs ${cuts.length + 1} programs, and the kernel follows a packet through ${mostSegments}`;
  return { kind: "refused", step, reason };
}
