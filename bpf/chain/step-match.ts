// SPDX-License-Identifier: Apache-2.0
import { loadFunctionStack } from "../match/load-function.ts";
import type { MatchTarget } from "../match/packet-access.ts";
import { type MatchCode, translateMatch } from "../match/translate.ts";
import { type CallDepth, frameSize } from "./call-depth.ts";
import { jumpReach } from "./exits.ts";
import type { LinkRefusal, StepToLink } from "./linked-chain.ts";

/** Labels that belong to matches. The names of steps are in them, so they stay right when a chain is cut. */
export const matchLabels = {
  noMatch: (step: string): string => `no match of ${step}`,
  /** The one function that all matches of a program call. */
  load: "load of matches",
} as const;

/** A match that lies in front of a step. */
export interface StepMatch extends MatchCode {
  readonly instructions: number;
}

/** The match of a step as it runs at a hook; null where it has none, a refusal where it cannot be linked. */
export function matchOf({ name, match }: StepToLink, target: MatchTarget): StepMatch | LinkRefusal | null {
  if (match === undefined) return null;
  const code = translateMatch(match, target, { prefix: `match of ${name}`, noMatch: matchLabels.noMatch(name), load: matchLabels.load });
  if (code.kind === "never") return { kind: "refused", step: name, reason: `No packet at ${target.hook} can match its expression` };
  const instructions = code.lines.filter((line) => !("label" in line)).length;
  if (instructions <= jumpReach) return { ...code, instructions };
  const reason = `Its expression takes ${instructions} instructions, at most ${jumpReach} can be linked`;
  return { kind: "refused", step: name, reason };
}

/** What the function that matches call takes below the chain's own frame. */
export function loadDepth(rounding: number): CallDepth {
  return { bytes: frameSize(loadFunctionStack, rounding), frames: 1, aboveTailCall: null };
}
