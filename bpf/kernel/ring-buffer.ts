// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { libbpf } from "../libbpf-ffi/library.ts";
import { copyMemory } from "../libbpf-ffi/memory.ts";
import { ringBufferCallback } from "../libbpf-ffi/structures.ts";
import { openPin, withFd } from "./fds.ts";
import { check, refusal } from "./refusal.ts";

/** The reading end of a ring buffer. There is one for all who read: what one has read, no other one gets. */
export interface RingBuffer {
  /** What has come since the last time, in order; never waits. */
  read(): readonly Uint8Array[];
  /** An fd that is readable while there is something to read; it goes with the buffer. */
  readonly fd: number;
  close(): void;
}

/** Opens the ring buffer that is pinned at `pin`. Throws KernelError. The caller closes it. */
export function openRingBuffer(pin: string): RingBuffer {
  // libbpf keeps no fd of the map itself; the memory that it maps keeps the map alive.
  return withFd(openPin(pin, "map"), (fd) => readRingBuffer(fd, `the ring buffer pinned at "${pin}"`));
}

/** The same of a map that is open; `name` is for errors. */
export function readRingBuffer(fd: number, name: string): RingBuffer {
  const attempt = { call: "ring_buffer__new", action: `Cannot read ${name}` };
  let records: Uint8Array[] = [];
  const callback = koffi.register((_: bigint, data: bigint, size: bigint | number) => {
    records.push(copyMemory(data, Number(size)));
    return 0;
  }, koffi.pointer(ringBufferCallback));
  const buffer = libbpf().ring_buffer__new(fd, callback, null, null);
  if (buffer === null) {
    koffi.unregister(callback);
    throw refusal(koffi.errno(), attempt);
  }
  return {
    fd: libbpf().ring_buffer__epoll_fd(buffer),
    read() {
      check(libbpf().ring_buffer__consume(buffer), { ...attempt, call: "ring_buffer__consume" });
      const read = records;
      records = [];
      return read;
    },
    close() {
      libbpf().ring_buffer__free(buffer);
      koffi.unregister(callback);
    },
  };
}
