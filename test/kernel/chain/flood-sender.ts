// SPDX-License-Identifier: Apache-2.0
import { workerData } from "node:worker_threads";
import { openMouth } from "../../lab/packet-socket.ts";
import { tracedPacket, tracedPackets } from "./traced-hook.ts";

/** What the sending thread is started with. Both counters are one 32-bit integer. */
export interface FloodOrder {
  readonly device: string;
  /** Packets sent so far. */
  readonly sent: SharedArrayBuffer;
  /** Not 0: stop. */
  readonly stop: SharedArrayBuffer;
}

const burst = 64;
const order = workerData as FloodOrder;
const [sent, stop] = [new Int32Array(order.sent), new Int32Array(order.stop)];
const mouth = openMouth(order.device);

for (let number = 0; number + burst <= tracedPackets && Atomics.load(stop, 0) === 0; number += burst) {
  for (let index = 0; index < burst; index++) mouth.send(tracedPacket(number + index));
  Atomics.store(sent, 0, number + burst);
  // A pause, so that there are numbers left until the last switch.
  Atomics.wait(stop, 0, 0, 0.2);
}
mouth.close();
