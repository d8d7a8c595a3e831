// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../kernel.ts";
import { type KernelMethod, wrapKernel } from "./wrap-kernel.ts";

/** What the calls of one method have cost so far. */
export interface MethodMeter {
  readonly calls: number;
  /** Calls that threw. */
  readonly errors: number;
  readonly nanoseconds: bigint;
  readonly longestNanoseconds: bigint;
}

export interface MeteredKernel extends Kernel {
  /** By method, in the order of their first call; methods that nobody called are absent. */
  meters(): ReadonlyMap<KernelMethod, MethodMeter>;
}

const unused: MethodMeter = { calls: 0, errors: 0, nanoseconds: 0n, longestNanoseconds: 0n };

/** A kernel that counts and times its calls; `now` gives nanoseconds that never go back. */
export function createMeteredKernel(kernel: Kernel, now: () => bigint): MeteredKernel {
  const meters = new Map<KernelMethod, MethodMeter>();
  const wrapped = wrapKernel(kernel, async (method, _args, proceed) => {
    const start = now();
    let errors = 1;
    try {
      const result = await proceed();
      errors = 0;
      return result;
    } finally {
      meters.set(method, addCall(meters.get(method) ?? unused, now() - start, errors));
    }
  });
  return { ...wrapped, meters: () => meters };
}

function addCall(meter: MethodMeter, took: bigint, errors: number): MethodMeter {
  return {
    calls: meter.calls + 1,
    errors: meter.errors + errors,
    nanoseconds: meter.nanoseconds + took,
    longestNanoseconds: took > meter.longestNanoseconds ? took : meter.longestNanoseconds,
  };
}
