// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding } from "../6-report/describe-drift.ts";
import type { Culprit } from "../model/culprit.ts";
import { hookName } from "../model/hook.ts";
import type { KnownDrift } from "./agent-status.ts";

/** What is remembered of places that have drifted, by placeOf. Marks are what KernelWatch.heard() gives. */
export interface DriftPlaces {
  readonly places: ReadonlyMap<string, DriftPlace>;
  /** What had been heard when the last look at everything began. */
  readonly mark: number;
}

interface DriftPlace {
  readonly count: number;
  readonly since: string;
  /** What had been heard when it was last known to be as it should be. */
  readonly mark: number;
  /** It is as it should be, as far as anybody knows. */
  readonly whole: boolean;
}

export const noPlaces: DriftPlaces = { places: new Map(), mark: 0 };

/** "eth0/xdp link". */
export function placeOf({ hook, place }: Pick<DriftFinding, "hook" | "place">): string {
  return `${hookName(hook)} ${place}`;
}

/** After a look: what is found where all was well has drifted once more, what is not found is whole. */
export function afterLook(
  { places, mark: before }: DriftPlaces,
  findings: readonly DriftFinding[],
  now: string,
  mark: number,
): DriftPlaces {
  const found = new Set(findings.map(placeOf));
  const next = new Map([...places].map(([name, place]) => [name, found.has(name) ? place : { ...place, whole: true }]));
  for (const name of found) {
    const place = places.get(name);
    if (place === undefined) next.set(name, { count: 1, since: now, mark: before, whole: false });
    else if (place.whole) next.set(name, { count: place.count + 1, since: now, mark: Math.max(place.mark, before), whole: false });
  }
  return { places: next, mark };
}

/** After these places were healed, which began when so much had been heard. */
export function afterHeal({ places, ...rest }: DriftPlaces, findings: readonly DriftFinding[], mark: number): DriftPlaces {
  const healed = new Set(findings.map(placeOf));
  const next = new Map([...places].map(([name, place]) => [name, healed.has(name) ? { ...place, whole: true, mark } : place]));
  return { ...rest, places: next };
}

/** The findings of that look with what is known of them. Only so much that was heard is kept: who is known already stays. */
export function knownDrift(
  { places }: DriftPlaces,
  { findings, before }: { readonly findings: readonly DriftFinding[]; readonly before: readonly KnownDrift[] },
  culpritOf: (finding: DriftFinding, mark: number) => Culprit | null,
): readonly KnownDrift[] {
  return findings.flatMap((finding) => {
    const place = places.get(placeOf(finding));
    if (place === undefined) return [];
    const { since, count, mark } = place;
    const known = before.find((other) => placeOf(other) === placeOf(finding) && other.since === since)?.culprit;
    return [{ ...finding, since, count, culprit: culpritOf(finding, mark) ?? known ?? null }];
  });
}
