// SPDX-License-Identifier: Apache-2.0
import type { DesiredStep } from "../model/desired.ts";
import type { Generation, GenerationStep } from "../model/generation.ts";
import { firstCopy } from "../model/pins.ts";
import type { AddStep, MoveStep, RemoveStep, ReplaceStep } from "../model/plan.ts";
import { shownMatch } from "./shown-match.ts";

export interface ChainDiff {
  readonly changes: readonly (AddStep | RemoveStep | MoveStep | ReplaceStep)[];
  readonly unchanged: number;
}

/** Steps added, removed, replaced, and the fewest moves that explain the new order. */
export function diffChain(before: readonly GenerationStep[], after: readonly GenerationStep[], desired: readonly DesiredStep[]): ChainDiff {
  // A generation that runs is chosen as it is.
  if (before === after) return { changes: [], unchanged: after.length };
  const old = new Map(before.map((step, index) => [step.name, { step, index }]));
  const names = new Set(after.map((step) => step.name));
  const staying = stayingInOrder(after.flatMap((step) => old.get(step.name)?.index ?? []));
  const changes: (AddStep | RemoveStep | MoveStep | ReplaceStep)[] = [];
  let unchanged = 0;
  after.forEach((step, place) => {
    const origin = (desired[place] as DesiredStep).origin;
    const previous = after[place - 1]?.name ?? null;
    const was = old.get(step.name);
    if (was === undefined) {
      changes.push({ kind: "add-step", step: step.name, uses: step.uses, ...shownMatch(step), after: previous, origin });
      return;
    }
    const differs = differences(was.step, step);
    const moved = !staying.has(was.index);
    if (differs.length > 0) {
      const shown = differs.some((aspect) => aspect === "match" || aspect === "verdict") ? shownMatch(step) : {};
      changes.push({
        kind: "replace-step",
        step: step.name,
        differs,
        ...shown,
        losesState: lostState(was.step, step),
        copiesState: [],
        origin,
      });
    }
    if (moved) changes.push({ kind: "move-step", step: step.name, after: previous, wasAfter: before[was.index - 1]?.name ?? null, origin });
    if (differs.length === 0 && !moved) unchanged += 1;
  });
  for (const step of before) if (!names.has(step.name)) changes.push({ kind: "remove-step", step: step.name, uses: step.uses });
  return { changes, unchanged };
}

/** The steps of a chain that goes away as a whole. */
export function removeAll(generation: Generation | null): readonly RemoveStep[] {
  return generation?.steps.map((step) => ({ kind: "remove-step", step: step.name, uses: step.uses })) ?? [];
}

function differences(before: GenerationStep, after: GenerationStep): string[] {
  const aspects = {
    match: [before.match?.digest ?? null, after.match?.digest ?? null],
    rules: [rulesOf(before), rulesOf(after)],
    verdict: [before.verdict ?? null, after.verdict ?? null],
    object: [before.object, after.object],
    function: [before.function, after.function],
    globals: [before.globals, after.globals],
    continue: [[...before.continueOn].sort(), [...after.continueOn].sort()],
    maps: [pinsOf(before), pinsOf(after)],
  };
  return Object.entries(aspects).flatMap(([name, [left, right]]) => (JSON.stringify(left) === JSON.stringify(right) ? [] : [name]));
}

function rulesOf({ rules }: GenerationStep): readonly unknown[] {
  return rules?.map(({ digest, goesOn }) => [digest, goesOn]) ?? [];
}

/** Another copy of a set is told as a change of the set. */
function pinsOf(step: GenerationStep): readonly string[] {
  return step.maps.map((map) => firstCopy(map.pin)).sort();
}

/** State maps of one name that are another map now; what leads to functions is filled anew. */
function lostState(before: GenerationStep, after: GenerationStep): readonly string[] {
  const pins = new Map(before.maps.map((map) => [map.name, map.pin]));
  const states = after.maps.filter(({ content, programs }) => content === "none" && programs === undefined);
  return states.filter((map) => (pins.get(map.name) ?? map.pin) !== map.pin).map((map) => map.name);
}

/** The longest increasing subsequence: what stays where it is while everything else moves around it. */
function stayingInOrder(indices: readonly number[]): ReadonlySet<number> {
  const best = indices.map((value) => ({ value, length: 1, previous: -1 }));
  let last = -1;
  best.forEach((entry, index) => {
    for (let earlier = 0; earlier < index; earlier += 1) {
      const candidate = best[earlier] as (typeof best)[number];
      if (candidate.value < entry.value && candidate.length >= entry.length) {
        entry.length = candidate.length + 1;
        entry.previous = earlier;
      }
    }
    if (last === -1 || entry.length > (best[last] as typeof entry).length) last = index;
  });
  const staying = new Set<number>();
  for (let at = last; at !== -1; at = (best[at] as (typeof best)[number]).previous) staying.add((best[at] as (typeof best)[number]).value);
  return staying;
}
