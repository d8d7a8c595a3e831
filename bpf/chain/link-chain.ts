// SPDX-License-Identifier: Apache-2.0
import { assemble } from "../asm/assemble.ts";
import { analyseBody } from "./body.ts";
import { describeChain, mergeSteps } from "./debug-info.ts";
import { globalFunctions } from "./function-name.ts";
import { placeSlots, slotSize } from "./glue.ts";
import { findLeaveFunction } from "./leave.ts";
import { chainLicense } from "./license.ts";
import { findExcess } from "./limits.ts";
import type { ChainToLink, LinkedChain, LinkedStep, LinkRefusal, StepToLink } from "./linked-chain.ts";
import { type ChainLayout, calledFunctions, labels, mainBody } from "./main-body.ts";
import { type Candidate, type ChainModes, chooseModes, type StepMode } from "./modes.ts";
import { matchOf } from "./step-match.ts";
import { findRuleFunction } from "./step-rules.ts";
import { takesFragments } from "./verdict-step.ts";

/**
 * Links the steps of a chain into one program: their bodies one after another, each reached only when the one before continues.
 * Pure: the same steps give the same bytes. Refuses what the kernel is known to refuse, and names the step. Throws RangeError or
 * BtfError for programs that no verifier has seen: calls that lead nowhere, malformed BTF.
 */
export function linkChain(chain: ChainToLink): LinkedChain | LinkRefusal {
  const candidates = analyseSteps(chain);
  if ("kind" in candidates) return candidates;
  return refuseSteps(chain, candidates) ?? linkCandidates(chain, candidates);
}

/** Takes the programs of all steps apart, and translates their matches. */
export function analyseSteps({ hook, steps }: ChainToLink): readonly Candidate[] | LinkRefusal {
  const target = { hook, frags: takesFragments(steps) };
  const candidates: Candidate[] = [];
  for (const step of steps) {
    const match = matchOf(step, target);
    if (match !== null && "kind" in match) return match;
    const body = analyseBody(step.program.instructions);
    const act = step.rules === undefined ? null : findRuleFunction(step.program, body);
    if (step.rules !== undefined && act === null) return refuseRules(step.name);
    candidates.push({ step, body, match, leave: findLeaveFunction(step.program, body), act });
  }
  return candidates;
}

function refuseRules(step: string): LinkRefusal {
  return { kind: "refused", step, reason: "It has rules, and its program no function that acts on what they take" };
}

/** What is wrong with the steps of a chain in however many programs it is; null when nothing is. */
export function refuseSteps(chain: ChainToLink, candidates: readonly Candidate[]): LinkRefusal | null {
  const license = chainLicense(chain.steps);
  if (license.kind === "mixed") return refuseLicenses(license.gpl.name, license.other.name, license.other.program.license);
  return refuseUnreachable(chain) ?? refuseModules(candidates);
}

/** Links steps that refuseSteps() has let through. */
export function linkCandidates(chain: ChainToLink, candidates: readonly Candidate[]): LinkedChain | LinkRefusal {
  const chosen = fitCandidates(chain, candidates);
  return chosen.kind === "refused" ? chosen : putTogether(chain, candidates, chosen);
}

/** How each step is linked when all of them are one program, or which one does not fit. */
export function fitCandidates(chain: ChainToLink, candidates: readonly Candidate[]): ChainModes | LinkRefusal {
  const needs = slotNeeds(chain, candidates);
  const chosen = chooseModes(candidates, slotSize * Object.values(needs).filter(Boolean).length);
  if (chosen.kind === "refused") return chosen;
  const ownMaps = [needs.counters, chain.next !== undefined].filter(Boolean).length;
  return findExcess(candidates, chosen.modes, { maps: ownMaps }) ?? chosen;
}

/** What the chain itself keeps on the stack. A lone step that nobody counts, and nothing follows, needs nothing. */
interface SlotNeeds {
  readonly context: boolean;
  readonly counters: boolean;
  readonly verdict: boolean;
}

function slotNeeds({ steps, counters, next }: ChainToLink, candidates: readonly Candidate[]): SlotNeeds {
  const counted = counters !== null && steps.length > 0;
  const told = candidates.some(({ leave }) => leave !== null);
  return { context: counted || told || steps.length > 1 || next !== undefined, counters: counted, verdict: told };
}

function putTogether(chain: ChainToLink, candidates: readonly Candidate[], { modes, depth }: ChainModes): LinkedChain {
  const btf = mergeSteps(candidates.map(({ step }) => step.program));
  const layout: ChainLayout = { chain, candidates, modes, slots: placeSlots(depth, slotNeeds(chain, candidates)), btf };
  const { instructions, labels: places } = assemble([...mainBody(layout), ...calledFunctions(layout)]);
  return {
    kind: "linked",
    name: chain.name,
    hook: chain.hook,
    license: declaredLicense(chain.steps),
    frags: takesFragments(chain.steps),
    instructions,
    ...describeChain(layout, places),
    steps: candidates.map((candidate, index) => describeStep(candidate, modes[index] as StepMode, index, places)),
  };
}

function describeStep(
  { step, body, match }: Candidate,
  { mode, reason }: StepMode,
  index: number,
  places: ReadonlyMap<string, number>,
): LinkedStep {
  const start = places.get(mode === "inline" ? labels.body(index) : labels.function(index, 0)) as number;
  const madeStatic = globalFunctions(step.program, body);
  return {
    ...{ name: step.name, mode, reason, start, end: start + body.main.end },
    ...(match === null ? {} : { match: match.instructions }),
    ...(madeStatic.length === 0 ? {} : { madeStatic }),
  };
}

/** Mixed licenses are refused before. */
function declaredLicense(steps: readonly StepToLink[]): string {
  const license = chainLicense(steps);
  return license.kind === "license" ? license.license : license.other.program.license;
}

function refuseLicenses(gpl: string, other: string, license: string): LinkRefusal {
  const reason = `Its license "${license}" is not compatible with the GPL, which step "${gpl}" is under: both would be one program`;
  return { kind: "refused", step: other, reason };
}

/** The verifier refuses instructions that nothing leads to. */
function refuseUnreachable({ steps }: ChainToLink): LinkRefusal | null {
  const last = steps.findIndex(({ continueOn, match }) => continueOn.length === 0 && match === undefined);
  const never = last < 0 ? undefined : steps[last + 1];
  if (never === undefined) return null;
  return { kind: "refused", step: never.name, reason: `It never runs: step "${steps[last]?.name}" before it continues on no verdict` };
}

/** Their numbers are indices into an array of BTF fds, which this linker does not merge. */
function refuseModules(candidates: readonly Candidate[]): LinkRefusal | null {
  const found = candidates.find(({ body }) => body.callsModules);
  if (found === undefined) return null;
  return { kind: "refused", step: found.step.name, reason: "It calls functions of kernel modules, which cannot be linked into a chain" };
}
