// SPDX-License-Identifier: Apache-2.0
import { noEntries, packEntries } from "../../bpf/kernel/entries.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { RingBuffer } from "../../bpf/kernel/ring-buffer.ts";
import { readTapRecord } from "../../bpf/programs/tap/record.ts";
import type { TappedPacket } from "./tap-output.ts";
import type { TapSource } from "./tap-sources.ts";

/** Listens to taps until it is closed. */
export interface TapListener {
  /** Listens to these from now on, and no more to others. */
  follow(taps: readonly TapSource[]): void;
  /** What has come since the last time, by time. */
  read(): readonly TappedPacket[];
  /** Keeps the taps copying; without it they stop by themselves after `patience`. */
  renew(): Promise<void>;
  close(): Promise<void>;
}

/** How long a tap goes on when its reader has died, in nanoseconds. */
const patience = 3_000_000_000n;

/** `open` opens a ring buffer by its pin. */
export function listenToTaps(kernel: Pick<Kernel, "writeMap">, open: (pin: string) => RingBuffer): TapListener {
  const heard = new Map<string, { tap: TapSource; readonly buffer: RingBuffer }>();
  const listenUntil = async (until: bigint): Promise<void> => {
    for (const { tap } of heard.values()) await kernel.writeMap(tap.listening, deadline(until), noEntries(4, 8));
  };
  return {
    follow(taps) {
      for (const [pin, { buffer }] of heard) {
        if (taps.some(({ samples }) => samples === pin)) continue;
        buffer.close();
        heard.delete(pin);
      }
      for (const tap of taps) heard.set(tap.samples, { tap, buffer: heard.get(tap.samples)?.buffer ?? open(tap.samples) });
    },
    read() {
      const sinceEpoch = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
      const packets = [...heard.values()].flatMap(({ tap, buffer }) =>
        buffer.read().flatMap((bytes): TappedPacket[] => {
          const record = readTapRecord(bytes);
          return record === null ? [] : [{ tap, record, time: record.time + sinceEpoch }];
        }),
      );
      return packets.sort((a, b) => (a.time < b.time ? -1 : Number(a.time > b.time)));
    },
    renew: () => listenUntil(process.hrtime.bigint() + patience),
    async close() {
      await listenUntil(0n);
      for (const { buffer } of heard.values()) buffer.close();
      heard.clear();
    },
  };
}

function deadline(nanoseconds: bigint) {
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigUint64(0, nanoseconds, true);
  return packEntries([[new Uint8Array(4), value]], 4, 8);
}
