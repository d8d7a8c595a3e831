// SPDX-License-Identifier: Apache-2.0
import { errnoName, errnoText } from "../libbpf-ffi/errno.ts";
import { KernelError } from "./kernel-error.ts";

/** What was attempted: the call by name, and the sentence that a refusal begins with (`Cannot pin "/sys/fs/bpf/x"`). */
export interface Attempt {
  readonly call: string;
  readonly action: string;
}

/** Gives a result of libbpf or of bpf(2) back; throws KernelError when it is a negative errno. */
export function check(result: number, attempt: Attempt): number {
  if (result < 0) throw refusal(-result, attempt);
  return result;
}

/** The KernelError for an errno: "<action>: <what the number means> (<its name>)", or <reason> instead of what it means. */
export function refusal(errno: number, { call, action }: Attempt, reason: string = errnoText(errno)): KernelError {
  return new KernelError(`${action}: ${reason} (${errnoName(errno)})`, { call, errno: errnoName(errno) });
}
