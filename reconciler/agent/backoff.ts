// SPDX-License-Identifier: Apache-2.0

export interface Backoff {
  readonly firstMilliseconds: number;
  readonly factor: number;
  readonly mostMilliseconds: number;
}

/** For a source that does not answer and for what else may pass by itself: 1 s, 2 s, 4 s … 5 min. */
export const retryBackoff: Backoff = { firstMilliseconds: 1_000, factor: 2, mostMilliseconds: 300_000 };

/** For drift that comes back after it was healed: 2 s, 6 s, 18 s … 5 min. */
export const healBackoff: Backoff = { firstMilliseconds: 2_000, factor: 3, mostMilliseconds: 300_000 };

/** How long to wait after the `attempt`-th failure in a row (from 1), up to a fifth longer by chance so that hosts do not come all at once; never above the most. */
export function backoffDelay({ firstMilliseconds, factor, mostMilliseconds }: Backoff, attempt: number, random: number): number {
  const delay = Math.min(firstMilliseconds * factor ** (attempt - 1), mostMilliseconds / 1.2);
  return Math.round(delay * (1 + random / 5));
}

/** A fixed interval, made longer or shorter by up to `jitter` (0.1: a tenth). */
export function jittered(milliseconds: number, jitter: number, random: number): number {
  return Math.round(milliseconds * (1 + jitter * (2 * random - 1)));
}
