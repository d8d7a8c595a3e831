// SPDX-License-Identifier: Apache-2.0
import type { KernelError } from "./kernel-error.ts";

/** What the verifier says of a program that is too much as a whole, when it does not answer E2BIG. */
const words =
  /combined stack size|tail_calls are not allowed when call stack|call stack of \d+ frames is too deep|16-bit range|jumps is too complex/;

/**
 * Whether a program was refused for its size: instructions to walk through (E2BIG), jumps in a row, maps, functions, stack, calls.
 * A part of it may then be fine.
 */
export function isTooLarge({ errno, log }: KernelError): boolean {
  return errno === "E2BIG" || (log !== null && words.test(log.slice(-4096)));
}
