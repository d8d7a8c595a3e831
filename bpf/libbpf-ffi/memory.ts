// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";

/** A copy of `length` bytes at an address that a library gave us. */
export function copyMemory(address: bigint, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  memcpy ??= koffi.load("libc.so.6").func("void *memcpy(void *to, const void *from, size_t size)");
  memcpy(copy, address, length);
  return copy;
}

/** The address of a buffer's memory, for structures that hold pointers. The caller keeps the buffer alive. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}

/** A bound function by its `.async` form alone. */
export interface AsyncCall<Arguments extends unknown[], Result> {
  readonly async: (...args: [...Arguments, (error: unknown, result: Result) => void]) => void;
}

/**
 * Calls on a thread of the pool, so that the event loop goes on meanwhile. The arguments stay referenced until the call is back:
 * the kernel reads and writes their memory.
 */
export function callAsync<Arguments extends unknown[], Result>(call: AsyncCall<Arguments, Result>, ...args: Arguments): Promise<Result> {
  return new Promise((resolve, reject) => {
    call.async(...args, (error, result) => {
      pending.delete(args);
      if (error instanceof Error) reject(error);
      else resolve(result);
    });
    pending.add(args);
  });
}

const pending = new Set<readonly unknown[]>();

let memcpy: ReturnType<ReturnType<typeof koffi.load>["func"]> | null = null;
