// SPDX-License-Identifier: Apache-2.0
import { KernelError } from "../kernel-error.ts";

/** The error of a refused call. */
export function refusal(call: string, errno: string, message: string): KernelError {
  return new KernelError(message, { call, errno });
}
