// SPDX-License-Identifier: Apache-2.0
import { workerData } from "node:worker_threads";
import { openMouth } from "../lab/packet-socket.ts";

/** What the sending thread is started with. */
export interface FloodOrder {
  readonly device: string;
  /** 32-bit integers: frames sent to pass, frames sent to be dropped, 1 to stop. */
  readonly counts: SharedArrayBuffer;
  /** Frames in a row, once a millisecond. */
  readonly burst: number;
}

const { device, counts, burst } = workerData as FloodOrder;
const shared = new Int32Array(counts);
const frames = [frameOf(0), frameOf(1)] as const;
const mouth = openMouth(device);

while (Atomics.load(shared, 2) === 0) {
  for (let number = 0; number < burst; number += 1) {
    mouth.send(number % 2 === 0 ? frames[0] : frames[1]);
    Atomics.add(shared, number % 2, 1);
  }
  // A veth takes 256 frames at once and drops more: bursts must not run into each other.
  Atomics.wait(shared, 2, 0, 1);
}
mouth.close();

function frameOf(kind: number): Uint8Array {
  const frame = Buffer.alloc(60);
  frame.fill(0xff, 0, 6);
  frame.writeUInt16BE(0x88b5, 12);
  frame.writeUInt8(kind, 14);
  return frame;
}
