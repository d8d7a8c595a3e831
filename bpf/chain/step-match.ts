// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { isCall } from "../asm/inspect.ts";
import { shortenProgram } from "../match/join-rules.ts";
import { loadFunctionStack } from "../match/load-function.ts";
import type { MatchTarget } from "../match/packet-access.ts";
import { type MatchCode, translateMatch } from "../match/translate.ts";
import { type CallDepth, frameSize, putBelow } from "./call-depth.ts";
import type { LinkRefusal, StepToLink } from "./linked-chain.ts";
import { layRules, type RestFunction } from "./step-rules.ts";

/** Labels that belong to matches. The names of steps are in them, so they stay right when a chain is cut. */
export const matchLabels = {
  noMatch: (step: string): string => `no match of ${step}`,
  /** The one function that all matches of a program call. */
  load: "load of matches",
} as const;

/** What lies in front of a step's body and decides whether it is reached: its match, its rules, or both. */
export interface StepMatch extends Omit<MatchCode, "kind"> {
  readonly instructions: number;
  /** The longest way, in instructions, from a jump that leaves because nothing matches to the match's end. */
  readonly exitReach: number;
  /** A function beside it; null for a match without rules. */
  readonly rest: RestFunction | null;
}

/** How far a jump of a match may reach. A match has few instructions that the verifier makes longer, so this is nearly all of 16 bits. */
export const matchReach = 31_000;

/** The match and the rules of a step as they run at a hook; null where it has none, a refusal where it cannot be linked. */
export function matchOf(step: StepToLink, target: MatchTarget): StepMatch | LinkRefusal | null {
  const match = expressionOf(step, target);
  if (step.rules === undefined || (match !== null && "kind" in match)) return match;
  const rules = layRules(step.name, step.rules, target, matchLabels.load);
  const { instructions, longest } = measure(rules.lines, "");
  if (longest > matchReach) {
    const reason = `Its ${step.rules.length} rules take ${instructions} instructions, which jumps of 16 bits cannot reach across`;
    return { kind: "refused", step: step.name, reason };
  }
  // A rule that decides, and an expression that does not take a packet, leave across all of it.
  return {
    lines: [...(match?.lines ?? []), ...rules.lines],
    stack: Math.max(match?.stack ?? 0, rules.stack),
    calls: match?.calls === true,
    rest: rules.rest,
    instructions: (match?.instructions ?? 0) + instructions,
    exitReach: (match?.exitReach ?? 0) + instructions,
  };
}

function expressionOf({ name, match }: StepToLink, target: MatchTarget): StepMatch | LinkRefusal | null {
  if (match === undefined) return null;
  const noMatch = matchLabels.noMatch(name);
  const code = translateMatch(shortenProgram(match), target, { prefix: `match of ${name}`, noMatch, load: matchLabels.load });
  if (code.kind === "never") return { kind: "refused", step: name, reason: `No packet at ${target.hook} can match its expression` };
  const { instructions, longest, exitReach } = measure(code.lines, noMatch);
  if (longest <= matchReach) return { lines: code.lines, stack: code.stack, calls: code.calls, instructions, exitReach, rest: null };
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

/** Whether something of a step calls the one function that reads packets through a helper. */
export function callsLoad(match: StepMatch | null): boolean {
  return match?.calls === true || match?.rest?.calls === true;
}

/** Depths of what is called for a step's match and rules; `act` is that of the function that acts on what a rule takes. */
export function matchDepths(match: StepMatch | null, act: CallDepth | null, rounding: number): readonly CallDepth[] {
  const load = { bytes: frameSize(loadFunctionStack, rounding), frames: 1, aboveTailCall: null };
  const own = match?.calls === true ? [load] : [];
  if (match?.rest == null) return own;
  const below = [...(match.rest.calls ? [load] : []), ...(act === null ? [] : [act])];
  return [...own, ...below, putBelow(frameSize(match.rest.stack, rounding), false, below)];
}
