// SPDX-License-Identifier: Apache-2.0
import type { Body } from "./body.ts";
import { type CallDepth, callDepths, frameSize, putBelow } from "./call-depth.ts";
import { routeExits } from "./exits.ts";
import type { LinkMode, LinkRefusal, StepToLink } from "./linked-chain.ts";
import { stackLimit } from "./stack-depth.ts";
import { matchDepths, matchReach, type StepMatch } from "./step-match.ts";

export interface StepMode {
  readonly mode: LinkMode;
  /** Why it is called, in words; null when it is inline. */
  readonly reason: string | null;
}

export interface ChainModes {
  readonly kind: "modes";
  readonly modes: readonly StepMode[];
  /** Stack of the deepest inlined body: the chain's own slots go below it. */
  readonly depth: number;
}

/** A step with all that the choice depends on. */
export interface Candidate {
  readonly step: StepToLink;
  readonly body: Body;
  /** What a packet has to get through before; null when it has nothing. */
  readonly match: StepMatch | null;
  /** Number of the function that sees how packets leave the chain; null when it has none. */
  readonly leave: number | null;
  /** Number of the function that acts on packets that a rule takes; null when it has none. */
  readonly act: number | null;
}

/** With and without a JIT that takes less: Linux 6.12 rounds frames up to 16 on x86-64 and arm64, older ones to 32. */
const roundings = [32, 16] as const;
const frameLimit = 8;
/** Stack that may lie above a function that makes tail calls: less than this. */
const tailCallLimit = 256;

/**
 * Inlines all that can be, and calls as few more as make the chain's stack fit; the steps with the deepest stack are called first,
 * because one frame has to hold the deepest inlined body and everything else lies below it. `slots` is the chain's own stack in bytes.
 */
export function chooseModes(candidates: readonly Candidate[], slots: number): ChainModes | LinkRefusal {
  const needs = candidates.map(reasonToCall);
  const torn = candidates.findIndex((candidate, index) => needs[index] !== null && isOutermostOnly(candidate));
  if (torn >= 0) return refuseTorn((candidates[torn] as Candidate).step.name, needs[torn] as string);
  let obstacle: Obstacle | null = null;
  for (const rounding of roundings) {
    const depths = candidates.map(({ body }) => callDepths(body.functions, rounding));
    for (const ceiling of ceilings(candidates, needs)) {
      const chain = { candidates, depths, rounding, slots, modes: modesBelow(candidates, needs, ceiling), depth: ceiling };
      const found = findObstacle(chain);
      if (found === null) return { kind: "modes", modes: chain.modes, depth: ceiling };
      obstacle = found;
    }
  }
  return { kind: "refused", ...(obstacle as Obstacle) };
}

function reasonToCall({ step, body, match }: Candidate): string | null {
  const { main } = body;
  if (step.mode === "call") return "asked for";
  if (main.tailCalls) return "it makes tail calls, which would leave the chain";
  if (main.packetLoads) return "it reads packets by LD_ABS, which would end the chain where a packet is too short";
  if (main.keepsObjects && !main.outermostOnly)
    return "it may leave objects of the kernel on the stack, which no other step could use then";
  if (!main.stackCertain && !main.outermostOnly) return "how deep it reaches into the stack depends on a number that may be negative";
  // The verifier may put as many instructions into a body again as it has.
  const isFar = match !== null && match.exitReach + 2 * main.end > matchReach;
  if (isFar || routeExits(body) === null) return "its jumps would leave the 16-bit range";
  return null;
}

function refuseTorn(step: string, need: string): LinkRefusal {
  const reason = `It has to be called (${need}), but adds a stack address to a number, which the verifier mistakes in called functions`;
  return { kind: "refused", step, reason };
}

/** Depths of the inlined bodies to try, deepest first; the last one is that of the bodies that must be inlined. */
function ceilings(candidates: readonly Candidate[], needs: readonly (string | null)[]): number[] {
  const matches = candidates.map(({ match }) => match?.stack ?? 0);
  const lowest = Math.max(0, ...matches, ...candidates.filter(isOutermostOnly).map(stackOf));
  const depths = candidates.filter((_, index) => needs[index] === null).map(stackOf);
  return [...new Set([...depths.filter((depth) => depth > lowest), lowest])].sort((a, b) => b - a);
}

function modesBelow(candidates: readonly Candidate[], needs: readonly (string | null)[], ceiling: number): StepMode[] {
  return candidates.map((candidate, index) => {
    const reason = needs[index] ?? null;
    if (reason !== null) return { mode: "call", reason };
    if (stackOf(candidate) <= ceiling) return { mode: "inline", reason: null };
    return { mode: "call", reason: `its ${stackOf(candidate)} bytes of stack do not fit beside the other steps'` };
  });
}

interface Layout {
  readonly candidates: readonly Candidate[];
  readonly depths: readonly (readonly CallDepth[])[];
  readonly rounding: number;
  readonly slots: number;
  readonly modes: readonly StepMode[];
  readonly depth: number;
}

interface Obstacle {
  readonly step: string;
  readonly reason: string;
}

/** The first step that the kernel would refuse in this layout. */
function findObstacle(layout: Layout): Obstacle | null {
  const frame = frameSize(layout.slots + layout.depth, layout.rounding);
  for (const [index, { step }] of layout.candidates.entries()) {
    const reason = findReason(putBelow(frame, false, calleesOf(layout, index)), frame);
    if (reason !== null) return { step: step.name, reason };
  }
  return null;
}

/** What the chain's main body calls on behalf of a step: the step itself, or what an inlined one calls. */
function calleesOf({ candidates, depths, modes, rounding }: Layout, index: number): readonly CallDepth[] {
  const own = depths[index] as readonly CallDepth[];
  const { body, match, act } = candidates[index] as Candidate;
  const ofMatch = matchDepths(match, act === null ? null : (own[act] as CallDepth), rounding);
  if (modes[index]?.mode === "call") return [...ofMatch, ...own.slice(0, 1)];
  return [...ofMatch, ...body.main.callees.map((callee) => own[callee] as CallDepth)];
}

function findReason(depth: CallDepth, frame: number): string | null {
  if (depth.frames > frameLimit) {
    return depth.frames === Infinity
      ? "It calls itself, which the kernel does not allow"
      : `Its functions call each other ${depth.frames - 1} deep, the chain leaves room for ${frameLimit - 1}`;
  }
  if (depth.bytes > stackLimit) {
    return `It needs ${depth.bytes - frame} bytes of stack below the chain's ${frame}, the kernel has ${stackLimit} for both`;
  }
  if (depth.aboveTailCall !== null && depth.aboveTailCall >= tailCallLimit) {
    return `It makes a tail call below ${depth.aboveTailCall} bytes of stack, the kernel allows ${tailCallLimit - 1}`;
  }
  return null;
}

function isOutermostOnly({ body }: Candidate): boolean {
  return body.main.outermostOnly;
}

function stackOf({ body }: Candidate): number {
  return body.main.stack;
}
