// SPDX-License-Identifier: Apache-2.0
import { ethernet, ipv4, raw } from "../lab/packet.ts";
import type { Ear, Mouth } from "../lab/packet-socket.ts";

/** No filter drops this many packets in a row by chance, and a veth pair loses none at this rate. */
const enough = 10;
const longestWait = 20_000;

/**
 * Sends a packet from `source` every millisecond, starts `cause`, and gives the milliseconds from that start to the sending of the first
 * packet that did not arrive. Throws when packets still arrive after 20 seconds.
 */
export async function firstDropped(mouth: Mouth, ear: Ear, source: string, cause: () => Promise<void>): Promise<number> {
  await ear.frames(0, 0);
  const sent: number[] = [];
  let lastArrived = -1;
  const start = performance.now();
  const caused = cause();
  while (sent.length - lastArrived <= enough) {
    if (performance.now() - start > longestWait) throw new Error(`Packets from ${source} are not dropped after ${longestWait} ms`);
    sent.push(performance.now());
    mouth.send(numbered(source, sent.length - 1));
    for (const frame of await ear.frames(1, 0)) lastArrived = Math.max(lastArrived, numberOf(frame, source));
  }
  await caused;
  return (sent[lastArrived + 1] as number) - start;
}

function numbered(source: string, number: number): Uint8Array {
  const payload = Buffer.alloc(20);
  payload.writeUInt32BE(number, 0);
  return ethernet({}, ipv4({ src: source, dst: "192.0.2.1" }, raw(253, payload)));
}

/** -1 for frames that are not ours. */
function numberOf(frame: Uint8Array, source: string): number {
  const packet = Buffer.from(frame);
  return packet.subarray(26, 30).join(".") === source && packet[23] === 253 ? packet.readUInt32BE(34) : -1;
}
