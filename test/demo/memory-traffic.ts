// SPDX-License-Identifier: Apache-2.0
import { ethernet, ipv4, udp } from "../lab/packet.ts";
import { perFlow, router } from "./flows.ts";
import { monotonic, type Traffic } from "./world.ts";

export interface MemoryTraffic extends Traffic {
  /** One packet of every flow arrives now. */
  tick(): void;
  stop(): void;
}

const tickMilliseconds = 5;
const pass = 2;

/** Traffic through `send`, which gives the verdict of XDP: every few milliseconds, and whenever somebody calls `tick`. */
export function createMemoryTraffic(send: (packet: Uint8Array) => number): MemoryTraffic {
  const counts = perFlow(({ from, sourcePort }) => ({
    frame: ethernet({}, ipv4({ src: from, dst: router.address }, udp({ from: sourcePort, to: router.port }))),
    sent: 0,
    arrived: 0,
    sentSince: 0,
    nextSentAt: null as number | null,
  }));
  const tick = () => {
    for (const count of Object.values(counts)) {
      count.sent++;
      if (send(count.frame) === pass) {
        count.arrived++;
        count.sentSince = 0;
        count.nextSentAt = null;
      } else {
        count.sentSince++;
        count.nextSentAt ??= monotonic();
      }
    }
  };
  const timer = setInterval(tick, tickMilliseconds);
  return {
    tick,
    count: async () => ({ flows: perFlow(({ name }) => ({ sent: counts[name].sent, arrived: counts[name].arrived })), missed: 0 }),
    lastArrived: async (flow) => ({ sentSince: counts[flow].sentSince, nextSentAt: counts[flow].nextSentAt }),
    stop: () => clearInterval(timer),
  };
}
