// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { FloodOrder } from "./flood-thread.ts";

/** Frames that were sent. */
export interface Sent {
  /** Of the kind that has to arrive. */
  readonly good: number;
  /** Of the kind that has to be dropped. */
  readonly bad: number;
}

/** Sends frames of both kinds on a device, `burst` of them every millisecond, until told to end. */
export function startFlood(device: string, burst = 64): { end(): Promise<Sent> } {
  const counts = new SharedArrayBuffer(12);
  const order: FloodOrder = { device, counts, burst };
  const worker = new Worker(new URL("./flood-thread.js", import.meta.url), { workerData: order });
  const ended = once(worker, "exit");
  return {
    async end() {
      const shared = new Int32Array(counts);
      Atomics.store(shared, 2, 1);
      Atomics.notify(shared, 2);
      await ended;
      return { good: shared[0] as number, bad: shared[1] as number };
    },
  };
}
