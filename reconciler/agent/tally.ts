// SPDX-License-Identifier: Apache-2.0

/** How an agent counts what it does, from its start on: plain data, which Prometheus asks for. */
export interface Tally {
  readonly fetches: Counts<"answered" | "failed">;
  /** By Outcome.kind, or "failed" for a pass that could not begin. */
  readonly passes: Counts<PassResult>;
  readonly rollbacks: Counts<RollbackReason>;
  readonly heals: Counts<"healed" | "refused" | "failed">;
  readonly fetchTime: Durations;
  readonly passTime: Durations;
  /** From the first preparation until it is verified. */
  readonly applyTime: Durations;
}

export type PassResult =
  | "applied"
  | "unchanged"
  | "unconfirmed"
  | "refused"
  | "invalid"
  | "held"
  | "quarantined"
  | "rolled-back"
  | "stuck"
  | "failed";

/**
 * prepare, commit, verify: that part of an apply failed. probes: they did not hold. watchdog: nobody confirmed in time, or somebody said
 * abort. unwatched: the watchdog was lost. withdrawn: git moved on, or the agent was stopped. hand: sluice rollback.
 */
export type RollbackReason = "prepare" | "commit" | "verify" | "probes" | "watchdog" | "unwatched" | "withdrawn" | "hand";

/** Every name is there from the start, with 0: a counter that begins with 1 shows Prometheus no increase. */
export type Counts<Name extends string> = Record<Name, number>;

/** How long something took, in seconds, as a histogram of Prometheus. */
export interface Durations {
  /** How many took no longer than each of `durationBounds`, and longer than the one before; the last is for those beyond. */
  readonly counts: number[];
  sum: number;
}

export const durationBounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function emptyTally(): Tally {
  return {
    fetches: zeros("answered", "failed"),
    passes: zeros("applied", "unchanged", "unconfirmed", "refused", "invalid", "held", "quarantined", "rolled-back", "stuck", "failed"),
    rollbacks: zeros("prepare", "commit", "verify", "probes", "watchdog", "unwatched", "withdrawn", "hand"),
    heals: zeros("healed", "refused", "failed"),
    fetchTime: noDurations(),
    passTime: noDurations(),
    applyTime: noDurations(),
  };
}

export function addDuration(durations: Durations, milliseconds: number): void {
  const seconds = milliseconds / 1_000;
  const place = durationBounds.findIndex((bound) => seconds <= bound);
  const index = place === -1 ? durationBounds.length : place;
  durations.counts[index] = (durations.counts[index] ?? 0) + 1;
  durations.sum += seconds;
}

function zeros<Name extends string>(...names: readonly Name[]): Counts<Name> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Counts<Name>;
}

function noDurations(): Durations {
  return { counts: [...durationBounds, Number.POSITIVE_INFINITY].map(() => 0), sum: 0 };
}
