// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import { openPacketSocket } from "../libbpf-ffi/packet-socket.ts";
import { deviceIndex } from "./devices.ts";
import { refusal } from "./refusal.ts";

export interface CaptureRequest {
  readonly device: string;
  readonly milliseconds: number;
  /** Frames after which it ends early. */
  readonly most: number;
  readonly signal?: AbortSignal;
}

export interface CapturedFrames {
  readonly incoming: readonly Uint8Array[];
  readonly outgoing: readonly Uint8Array[];
}

/**
 * Listens at a device for some time. What comes in is heard behind XDP and before tc, what goes out behind tc. A VLAN tag that the
 * hardware has taken off is not among the bytes. Needs CAP_NET_RAW. Throws KernelError.
 */
export async function captureFrames({ device, milliseconds, most, signal }: CaptureRequest): Promise<CapturedFrames> {
  const socket = openPacketSocket(deviceIndex(device));
  if (typeof socket === "number") throw refusal(-socket, { call: "socket", action: `Cannot listen at "${device}"` });
  const heard: { incoming: Uint8Array[]; outgoing: Uint8Array[] } = { incoming: [], outgoing: [] };
  const end = performance.now() + milliseconds;
  try {
    while (performance.now() < end && heard.incoming.length + heard.outgoing.length < most) {
      signal?.throwIfAborted();
      for (let frame = socket.next(), burst = 0; frame !== null && burst < burstSize; frame = socket.next(), burst += 1) {
        (frame.outgoing ? heard.outgoing : heard.incoming).push(frame.bytes);
      }
      await sleep(pause);
    }
    return heard;
  } finally {
    socket.close();
  }
}

/** Frames between two looks at the clock. */
const burstSize = 1000;

/** Milliseconds: the socket's buffer holds more than what comes in between. */
const pause = 1;
