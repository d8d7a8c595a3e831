// SPDX-License-Identifier: Apache-2.0

/** Time and chance, handed in so that tests decide about both. */
export interface Clock {
  /** Milliseconds since the epoch: what is told. Somebody may set it. */
  now(): number;
  /** Milliseconds of a clock that nobody can set: how long something has lasted, and what follows from that. */
  elapsed(): number;
  /** Runs something once, later; gives back how to call it off. */
  after(milliseconds: number, run: () => void): () => void;
  /** From 0 up to, but without, 1. */
  random(): number;
}

/** The real one. */
export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, Math.min(milliseconds, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** Resolves after a while, or as soon as the signal is raised. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(milliseconds, done);
    signal.addEventListener("abort", done);
  });
}
