// SPDX-License-Identifier: Apache-2.0
import { isMutation, wrapKernel } from "../../bpf/kernel/decorators/wrap-kernel.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";

/**
 * A kernel whose next change fails, once, when the signal is raised: to the executor that is a failure like any other, which it
 * undoes. Undoing then finds a kernel that works.
 */
export function interruptibleKernel(kernel: Kernel, signal: AbortSignal): Kernel {
  let isTold = false;
  return wrapKernel(kernel, async (method, _, proceed) => {
    if (signal.aborted && !isTold && (isMutation(method) || method === "relocate")) {
      isTold = true;
      throw signal.reason;
    }
    return proceed();
  });
}
