// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { callFunction, ja, mov64Imm } from "../asm/build.ts";
import { eachInstruction, functionTarget } from "../asm/inspect.ts";
import { loadFunction } from "../match/load-function.ts";
import { continueTest } from "./continue-test.ts";
import type { StepsBtf } from "./debug-info.ts";
import { jumpReach, routeExits } from "./exits.ts";
import { callSegment, countVerdict, endChain, enterChain, leaveChain, reloadContext, type Slots } from "./glue.ts";
import { callLeaveFunctions, noteStep, stepTag } from "./leave.ts";
import type { ChainToLink, StepToLink } from "./linked-chain.ts";
import type { Candidate, StepMode } from "./modes.ts";
import { callsLoad, matchLabels } from "./step-match.ts";
import { ruleLabels } from "./step-rules.ts";

/** A chain whose every choice is made. */
export interface ChainLayout {
  readonly chain: ChainToLink;
  readonly candidates: readonly Candidate[];
  readonly modes: readonly StepMode[];
  readonly slots: Slots;
  readonly btf: StepsBtf;
}

/** Names of places in the program that is put together. */
export const labels = {
  step: (index: number): string => `step ${index}`,
  body: (index: number): string => `body ${index}`,
  bodyEnd: (index: number): string => `end of body ${index}`,
  stop: (index: number): string => `stop ${index}`,
  function: (step: number, index: number): string => `function ${index} of step ${step}`,
};

/** More than any glue of one step, in instructions. */
const glueSize = 64;
const sharedStop = "stop";

/**
 * The main body of a chain:
 *
 *     keep the context, find the counters
 *     step 0:  the match, which goes to step 1 where a packet does not
 *              body, every exit of it a jump to its end
 *              count r0, go to "stop" unless the chain continues
 *     step 1:  load the context, body, …
 *     the end verdict, exit; or the tail call of the next segment
 *     stop:    exit with r0
 *
 * Where a step has a function that sees packets leave, every way out calls it before the exit.
 *
 * A chain that is too long for jumps to one "stop" has one behind every step.
 */
export function mainBody(layout: ChainLayout): Line[] {
  const { chain, slots } = layout;
  const shared = instructionsOf(layout) + chain.steps.length * glueSize <= jumpReach;
  const lines = enterChain(chain.hook, slots, chain.counters?.map ?? "");
  for (const [index, step] of chain.steps.entries()) {
    const stop = shared ? sharedStop : labels.stop(index);
    lines.push({ label: labels.step(index) });
    if (slots.verdict !== null) lines.push(noteStep(slots.verdict, stepTag(step.name)));
    if (index > 0 || slots.counters !== null) lines.push(...reloadContext(slots));
    lines.push(...(layout.candidates[index]?.match?.lines ?? []), { label: labels.body(index) }, ...stepBody(layout, index), {
      label: labels.bodyEnd(index),
    });
    if (step.rules !== undefined) lines.push({ label: ruleLabels.decided(step.name) });
    lines.push(...countVerdict(slots, step.slot));
    lines.push(...continueTest(step.continueOn, labels.step(index + 1), stop));
    if (!shared) lines.push(...stopHere(layout, index, stop));
    if (step.match !== undefined) lines.push({ label: matchLabels.noMatch(step.name) });
  }
  lines.push({ label: labels.step(chain.steps.length) });
  if (runsToEnd(chain.steps)) {
    lines.push(...(chain.next === undefined ? endHere(layout) : callSegment(chain.hook, slots, chain.next)));
  }
  if (shared && chain.steps.length > 0) lines.push({ label: sharedStop }, ...leaveHere(layout, sharedStop));
  return lines;
}

/** The functions that follow the main body, each behind its label. */
export function calledFunctions(layout: ChainLayout): Line[] {
  const { chain, candidates, modes } = layout;
  const ofSteps = candidates.flatMap(({ step, body, act }, index) =>
    body.functions.flatMap(({ start, end }, number): Line[] => {
      if (number === 0 && modes[index]?.mode === "inline") return [];
      const acts = number === act ? [{ label: ruleLabels.act(step.name) }] : [];
      return [{ label: labels.function(index, number) }, ...acts, ...relink(layout, index, start, end)];
    }),
  );
  const rests = candidates.flatMap(({ step, match }): readonly Line[] =>
    match?.rest == null ? [] : [{ label: ruleLabels.rest(step.name) }, ...match.rest.lines],
  );
  const load = candidates.some(({ match }) => callsLoad(match)) ? loadFunction(chain.hook, matchLabels.load) : [];
  return [...ofSteps, ...rests, ...load];
}

function stepBody(layout: ChainLayout, index: number): Line[] {
  if (layout.modes[index]?.mode === "call") return [{ instruction: callFunction(), to: labels.function(index, 0) }];
  const { body } = layout.candidates[index] as Candidate;
  const { end } = body.main;
  const lines = relink(layout, index, 0, end);
  for (const [from, to] of routeExits(body) ?? []) lines[from] = ja(to - from - 1);
  return lines;
}

/** Instructions [start, end) of a step: jumps stay as they are, calls go to labels, maps get the step's name, types their ids in the merged BTF. */
function relink({ candidates, btf }: ChainLayout, index: number, start: number, end: number): Line[] {
  const { step, body } = candidates[index] as Candidate;
  const lines: Line[] = body.instructions.slice(start, end);
  for (const [at, instruction] of eachInstruction(body.instructions, start, end)) {
    const target = functionTarget(instruction, at);
    if (target !== null) {
      const callee = body.functions.findIndex((candidate) => candidate.start === target);
      lines[at - start] = { instruction, to: labels.function(index, callee) };
    }
    if (instruction.map !== undefined) lines[at - start] = { ...instruction, map: `${step.name}/${instruction.map}` };
    // 0 says that no such type is there.
    if (instruction.localType === true && instruction.imm !== 0) {
      lines[at - start] = { ...instruction, imm: instruction.imm + btf.shiftOf(step.program).types };
    }
  }
  return lines;
}

function stopHere(layout: ChainLayout, index: number, stop: string): Line[] {
  const { chain } = layout;
  const goesOn = (chain.steps[index]?.continueOn.length ?? 0) > 0;
  const over: Line[] = goesOn ? [{ instruction: ja(), to: labels.step(index + 1) }] : [];
  return [...over, { label: stop }, ...leaveHere(layout, stop)];
}

/** The end of the last step; told to those who see packets leave, as any other. */
function endHere(layout: ChainLayout): Line[] {
  const { chain, slots } = layout;
  if (slots.verdict === null) return endChain(chain.hook, chain.end);
  return [noteStep(slots.verdict, 0), mov64Imm(0, chain.end), ...leaveHere(layout, "end")];
}

/** With the verdict in r0: tells those who see packets leave, and leaves. */
function leaveHere({ chain, candidates, slots }: ChainLayout, label: string): Line[] {
  const functions = candidates.flatMap(({ leave }, index) => (leave === null ? [] : [labels.function(index, leave)]));
  const told = slots.verdict === null ? [] : callLeaveFunctions(slots.verdict, slots.context as number, functions);
  return [...told, ...leaveChain(chain.hook, label)];
}

/** Only a last step can end the chain on every verdict and for every packet; then nothing may follow it, or the verifier calls it unreachable. */
function runsToEnd(steps: readonly StepToLink[]): boolean {
  const last = steps.at(-1);
  return last?.continueOn.length !== 0 || last.match !== undefined;
}

function instructionsOf({ candidates, modes }: ChainLayout): number {
  const length = ({ body, match }: Candidate, index: number): number =>
    (match?.instructions ?? 0) + (modes[index]?.mode === "inline" ? body.main.end : 1);
  return candidates.reduce((sum, candidate, index) => sum + length(candidate, index), 0);
}
