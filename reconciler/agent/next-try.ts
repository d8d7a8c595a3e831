// SPDX-License-Identifier: Apache-2.0
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { errorCatalogue, ReconcilerError } from "../reconciler-error.ts";

/** Kernel errors that may be gone a moment later; what else the kernel refuses, it refuses again until git says something else. */
const passing = new Set(["EAGAIN", "EBUSY", "EINTR", "ENETDOWN", "ENODEV", "ENOMEM", "ENXIO", "ETIMEDOUT"]);

/** Trying the same revision again may help. */
export function mayPass(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof KernelError) return passing.has(cause.errno);
    if (cause instanceof ReconcilerError && errorCatalogue[cause.code].next === "on-change") return false;
  }
  return true;
}
