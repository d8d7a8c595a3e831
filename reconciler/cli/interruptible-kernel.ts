// SPDX-License-Identifier: Apache-2.0
import { isMutation, wrapKernel } from "../../bpf/kernel/decorators/wrap-kernel.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";

/**
 * A kernel whose next change fails, once, when the signal is raised: to the executor that is a failure like any other, which it
 * undoes. Undoing then finds a kernel that works. The verifier is not waited for: it may walk for many seconds, and ends with the
 * process; what it loads all the same is let go.
 */
export function interruptibleKernel(kernel: Kernel, signal: AbortSignal): Kernel {
  let isTold = false;
  return wrapKernel(kernel, async (method, [pin], proceed) => {
    const verifies = method === "relocate" || method === "load";
    if (isTold || !(verifies || isMutation(method))) return proceed();
    if (signal.aborted) {
      isTold = true;
      throw signal.reason;
    }
    if (!verifies) return proceed();
    return orRaised(proceed(), signal, () => {
      isTold = true;
      return method === "load" ? kernel.unpin([pin as string]) : Promise.resolve();
    });
  });
}

/** What `work` comes to, or the signal's reason as soon as it is raised; `letGo` is then called at once and once more when the work has ended. */
function orRaised<Result>(work: Promise<Result>, signal: AbortSignal, letGo: () => Promise<void>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const give = (): void => {
      void work.then(letGo, () => undefined);
      letGo().then(() => reject(signal.reason as Error), reject);
    };
    signal.addEventListener("abort", give, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", give));
  });
}
