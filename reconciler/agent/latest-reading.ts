// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "./clock.ts";

/** What was read last, and when. */
export interface Reading<Value> {
  /** null before the first reading ended well. */
  readonly value: Value | null;
  /** Milliseconds since the epoch: when that reading began. */
  readonly time: number | null;
  /** It is of now; else reading takes too long, or fails. */
  readonly isFresh: boolean;
}

/**
 * A way to read something that may hang: who asks waits so long at most, and gets what was read before. One reading at a time; while one
 * has taken too long, nobody waits for it any more. Never throws; `failed` is told why.
 */
export function latestReading<Value>(
  read: () => Promise<Value>,
  { clock, patience, failed }: { readonly clock: Clock; readonly patience: number; failed(error: unknown): void },
): () => Promise<Reading<Value>> {
  let value: Value | null = null;
  let time: number | null = null;
  let running: Promise<boolean> | null = null;
  let isLate = false;

  async function start(): Promise<boolean> {
    const began = clock.now();
    try {
      value = await read();
      time = began;
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  }

  return async () => {
    if (isLate) return { value, time, isFresh: false };
    running ??= start().finally(() => {
      running = null;
      isLate = false;
    });
    const isFresh = await inTime(running, clock, patience);
    if (isFresh === null) isLate = true;
    return { value, time, isFresh: isFresh === true };
  };
}

/** null when it takes longer. */
function inTime<Value>(work: Promise<Value>, clock: Clock, milliseconds: number): Promise<Value | null> {
  return new Promise((resolve) => {
    const cancel = clock.after(milliseconds, () => resolve(null));
    void work.then((value) => {
      cancel();
      resolve(value);
    });
  });
}
