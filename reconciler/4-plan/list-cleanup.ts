// SPDX-License-Identifier: Apache-2.0
import type { ObservedGeneration, ObservedHook } from "../model/observed.ts";
import { generationDirectory, type PinLayout } from "../model/pins.ts";

export interface KeptGenerations {
  /** The one that runs afterwards; null for none. */
  readonly target: string | null;
  /** The one to go back to. */
  readonly previous: string | null;
}

/** Which generation to keep for a rollback: the one that stops running now, else the one kept so far, else the newest idle one. */
export function keepPrevious(observed: ObservedHook, target: string | null, kept: string | null): string | null {
  const running = observed.generations.find((generation) => generation.running && generation.intact);
  if (running !== undefined && running.id !== target) return running.id;
  const idle = observed.generations.filter((generation) => generation.intact && generation.id !== target);
  return (idle.find((generation) => generation.id === kept) ?? newest(idle))?.id ?? null;
}

/**
 * Pins of a hook that neither kept generation uses. `made` are pins of this plan's own. Maps of counters stay, because what was counted
 * is never lost, but for those of a family that no kept generation knows: nobody reads them again, or an apply died before it had loaded one.
 */
export function listCleanup(
  layout: PinLayout,
  observed: ObservedHook,
  kept: KeptGenerations,
  made: ReadonlySet<string>,
): readonly string[] {
  const ids = new Set([kept.target, kept.previous]);
  const used = new Set(made);
  for (const { id, manifest } of observed.generations) {
    if (ids.has(id)) for (const step of manifest?.steps ?? []) for (const map of step.maps) used.add(map.pin);
  }
  const maps = observed.maps.map((map) => map.pin.path).filter((path) => !used.has(path));
  const families = new Set(observed.generations.filter(({ id }) => ids.has(id)).map(({ manifest }) => manifest?.counters?.family));
  const counters = observed.counters.filter(({ family, pin }) => !families.has(family) && !used.has(pin.path)).map(({ pin }) => pin.path);
  const generations = observed.generations.filter(({ id }) => !ids.has(id));
  return [...generations.flatMap((generation) => pinsOf(layout, observed, generation)), ...maps, ...counters];
}

function pinsOf(layout: PinLayout, observed: ObservedHook, { id, behind, segments, watches = [] }: ObservedGeneration): readonly string[] {
  const directory = generationDirectory(layout, observed.hook, id);
  const split = [...behind, ...(segments === null ? [] : [segments])];
  const watching = watches.map(({ pin }) => pin);
  return [`${directory}/program`, ...[...split, ...watching].map(({ path }) => path), `${directory}/manifest`];
}

/** Program ids only grow. */
function newest(generations: readonly ObservedGeneration[]): ObservedGeneration | undefined {
  return [...generations].sort((a, b) => (b.program?.id ?? 0) - (a.program?.id ?? 0))[0];
}
