// SPDX-License-Identifier: Apache-2.0

/** Runs one piece of work at a time; what is asked for meanwhile is done together, right after. */
export interface Queue<Reason> {
  /** Never lost: resolves when work that began after this call has ended, or when the queue has stopped. */
  push(reason: Reason): Promise<void>;
  /** Begins nothing new; resolves when what runs has ended. */
  stop(): Promise<void>;
}

interface Batch<Reason> {
  readonly reasons: Set<Reason>;
  readonly done: Promise<void>;
  readonly resolve: () => void;
}

/** `work` gets the reasons that came together, and does not throw. */
export function createQueue<Reason>(work: (reasons: ReadonlySet<Reason>) => Promise<void>): Queue<Reason> {
  let waiting: Batch<Reason> | null = null;
  let running: Promise<void> | null = null;
  let stopped = false;

  async function run(): Promise<void> {
    // What the same event asked for twice is one batch.
    await Promise.resolve();
    while (waiting !== null && !stopped) {
      const batch: Batch<Reason> = waiting;
      waiting = null;
      await work(batch.reasons);
      batch.resolve();
    }
    running = null;
  }

  return {
    push(reason) {
      if (stopped) return Promise.resolve();
      waiting ??= newBatch();
      waiting.reasons.add(reason);
      const { done } = waiting;
      running ??= run();
      return done;
    },
    async stop() {
      stopped = true;
      await running;
      waiting?.resolve();
    },
  };
}

function newBatch<Reason>(): Batch<Reason> {
  let resolve = () => {};
  const done = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { reasons: new Set(), done, resolve };
}
