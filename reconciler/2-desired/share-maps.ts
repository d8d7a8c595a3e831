// SPDX-License-Identifier: Apache-2.0
import type { DesiredHook, DesiredMap, DesiredStep } from "../model/desired.ts";
import { diagnose, type Report, type SourceFile } from "./source-file.ts";

/**
 * Maps that steps of one interface call by the same name are one map: each learns of the others. Whoever is alone with a name, or
 * defines its map otherwise than the others, is told.
 */
export function shareMaps(hooks: readonly DesiredHook[], source: SourceFile, report: Report): readonly DesiredHook[] {
  const sharing = hooks.flatMap(({ hook, chain }) => chain.map((step) => ({ hook: hook.kind, step })));
  const findOthers = (step: DesiredStep, map: DesiredMap) =>
    sharing.filter(
      (other) =>
        other.step !== step &&
        other.step.uses === step.uses &&
        other.step.maps.some(
          ({ name, shared, incarnation }) => name === map.name && shared === map.shared && incarnation === map.incarnation,
        ),
    );
  const shareMap = (step: DesiredStep, map: DesiredMap): DesiredMap => {
    if (map.shared === undefined) return map;
    return { ...map, sharedWith: findOthers(step, map).map((other) => ({ hook: other.hook, step: other.step.name })) };
  };
  const shareStep = (step: DesiredStep): DesiredStep => {
    if (step.maps.every(({ shared }) => shared === undefined)) return step;
    const maps = step.maps.map((map) => shareMap(step, map));
    const alone = maps.find(({ sharedWith }) => sharedWith?.length === 0);
    if (alone !== undefined) reportAlone(step, alone.shared as string, source, report);
    return { ...step, maps };
  };
  return hooks.map((hook) => ({ ...hook, chain: hook.chain.map(shareStep) }));
}

function reportAlone({ name, uses, origin }: DesiredStep, shared: string, source: SourceFile, report: Report): void {
  const start = (source.lineStarts[origin.line - 1] as number) + origin.column - 1;
  const message = `Step "${name}" shares "${shared}" with no other step: none of this interface that uses ${uses} has the same name and counts the same`;
  report(
    diagnose(source, {
      code: "nothing-shared",
      message,
      hint: "say the same in both, but for the limit and the direction",
      start,
      end: source.text.length,
    }),
  );
}
