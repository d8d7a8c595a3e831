// SPDX-License-Identifier: Apache-2.0
import type { Machine } from "./machine.ts";

/** A helper: arguments in r1 to r5, result in r0. `callBack` runs the function that a register points to. */
export type Helper = (machine: Machine, callBack: CallBack) => void;

/** Runs a function of the program whose pointer is `fn` (as bigint); `prepare` sets its arguments, r0 is its result. */
export type CallBack = (fn: bigint, prepare: () => void) => void;

/** Errnos as helpers return them. */
export const errno = {
  ENOENT: -2,
  E2BIG: -7,
  EACCES: -13,
  EFAULT: -14,
  EBUSY: -16,
  EEXIST: -17,
  EINVAL: -22,
  ENOSPC: -28,
  ENOTSUPP: -524,
} as const;
