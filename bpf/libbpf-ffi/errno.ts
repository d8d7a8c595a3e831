// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import koffi from "koffi";
import { libc } from "./libc.ts";

/** Numbers that Linux returns to user space and Node does not name. */
const unnamed: readonly (readonly [string, number])[] = [
  ["ENOLINK", 67],
  ["ENOPKG", 65],
  ["EUCLEAN", 117],
  ["ENOTSUPP", 524],
];

/** EAGAIN and EWOULDBLOCK, EOPNOTSUPP and ENOTSUP are one number each; the name that manual pages use comes last and wins. */
const names = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
  ...unnamed.map(([name, number]) => [number, name] as const),
  [constants.errno.EAGAIN, "EAGAIN"],
  [constants.errno.EOPNOTSUPP, "EOPNOTSUPP"],
]);

/** "EBUSY" for 16 and for -16; "EIO" for a number without a name, such as libbpf's own from 4000 on. */
export function errnoName(errno: number): string {
  return names.get(Math.abs(errno)) ?? "EIO";
}

/** "Device or resource busy" for 16 and for -16. */
export function errnoText(errno: number): string {
  // ENOTSUPP is the kernel's own number, which libc has no words for.
  return Math.abs(errno) === 524 ? "Operation not supported by the kernel" : libc().strerror(Math.abs(errno));
}

/** errno after a call that has just failed on this thread; stale after one that succeeded. */
export function lastErrno(): number {
  return koffi.errno();
}
