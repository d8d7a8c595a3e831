// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { isCall } from "../asm/inspect.ts";
import { loadFunctionStack } from "../match/load-function.ts";
import type { MatchTarget } from "../match/packet-access.ts";
import { type MatchCode, translateMatch } from "../match/translate.ts";
import { type CallDepth, frameSize } from "./call-depth.ts";
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
  /** The longest way, in instructions, from a jump that leaves because nothing matches to the match's end. */
  readonly exitReach: number;
}

/** How far a jump of a match may reach. A match has few instructions that the verifier makes longer, so this is nearly all of 16 bits. */
export const matchReach = 31_000;

/** The match of a step as it runs at a hook; null where it has none, a refusal where it cannot be linked. */
export function matchOf({ name, match }: StepToLink, target: MatchTarget): StepMatch | LinkRefusal | null {
  if (match === undefined) return null;
  const noMatch = matchLabels.noMatch(name);
  const code = translateMatch(match, target, { prefix: `match of ${name}`, noMatch, load: matchLabels.load });
  if (code.kind === "never") return { kind: "refused", step: name, reason: `No packet at ${target.hook} can match its expression` };
  const { instructions, longest, exitReach } = measure(code.lines, noMatch);
  if (longest <= matchReach) return { ...code, instructions, exitReach };
  const reason = `Its expression takes ${instructions} instructions, which jumps of 16 bits cannot reach across`;
  return { kind: "refused", step: name, reason };
}

function measure(lines: readonly Line[], noMatch: string): { instructions: number; longest: number; exitReach: number } {
  const places = new Map<string, number>();
  let instructions = 0;
  for (const line of lines) {
    if ("label" in line) places.set(line.label, instructions);
    else instructions++;
  }
  let [at, longest, exitReach] = [0, 0, 0];
  for (const line of lines) {
    if ("label" in line) continue;
    at++;
    if (!("to" in line) || isCall(line.instruction)) continue;
    const reach = Math.abs((places.get(line.to) ?? instructions) - at);
    longest = Math.max(longest, reach);
    if (line.to === noMatch) exitReach = Math.max(exitReach, reach);
  }
  return { instructions, longest, exitReach };
}

/** What the function that matches call takes below the chain's own frame. */
export function loadDepth(rounding: number): CallDepth {
  return { bytes: frameSize(loadFunctionStack, rounding), frames: 1, aboveTailCall: null };
}
