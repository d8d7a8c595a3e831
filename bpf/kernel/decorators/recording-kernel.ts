// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../kernel.ts";
import { KernelError } from "../kernel-error.ts";
import { summariseCall } from "./summarise-call.ts";
import { type KernelMethod, wrapKernel } from "./wrap-kernel.ts";

/** One call as it was made and answered. Plain data but for bytes, and copied: nobody changes it later. */
export interface RecordedCall {
  readonly method: KernelMethod;
  readonly arguments: readonly unknown[];
  readonly outcome: Returned | Threw;
}

export interface Returned {
  readonly kind: "returned";
  readonly value: unknown;
}

/** A KernelError; other errors are passed on and not recorded. */
export interface Threw {
  readonly kind: "threw";
  readonly message: string;
  readonly call: string;
  readonly errno: string;
  readonly log: string | null;
}

export interface RecordingKernel extends Kernel {
  /** Every call so far, in the order of their answers. */
  calls(): readonly RecordedCall[];
  /** The same as a line each: `switchLink("/…/link", "/…/a", "/…/b")`, with ` = EPERM` after one that threw. */
  summary(): readonly string[];
}

/** A kernel that remembers what it was asked and what it said. */
export function createRecordingKernel(kernel: Kernel): RecordingKernel {
  const calls: RecordedCall[] = [];
  const wrapped = wrapKernel(kernel, async (method, args, proceed) => {
    const asked = structuredClone(args);
    try {
      const value = await proceed();
      calls.push({ method, arguments: asked, outcome: { kind: "returned", value: structuredClone(value) } });
      return value;
    } catch (error) {
      if (error instanceof KernelError) calls.push({ method, arguments: asked, outcome: threw(error) });
      throw error;
    }
  });
  return { ...wrapped, calls: () => [...calls], summary: () => calls.map(summariseCall) };
}

function threw({ message, call, errno, log }: KernelError): Threw {
  return { kind: "threw", message, call, errno, log };
}
