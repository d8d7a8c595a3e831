// SPDX-License-Identifier: Apache-2.0
import type { MeteredKernel } from "../../bpf/kernel/decorators/metered-kernel.ts";
import { isMutation } from "../../bpf/kernel/decorators/wrap-kernel.ts";

/** What a piece of work asked of the kernel. */
export interface KernelUse {
  /** Milliseconds of the whole work. */
  readonly whole: number;
  /** Milliseconds in calls that only read. */
  readonly reading: number;
  readonly writes: number;
  /** Milliseconds in calls that change something. */
  readonly writing: number;
}

/** Runs `work` and tells what of it was the kernel's part. Nothing else may use the kernel meanwhile. */
export async function meter(kernel: MeteredKernel, work: () => Promise<unknown>): Promise<KernelUse> {
  const before = read(kernel);
  const start = performance.now();
  await work();
  const whole = performance.now() - start;
  const after = read(kernel);
  return {
    whole,
    reading: after.reading - before.reading,
    writes: after.writes - before.writes,
    writing: after.writing - before.writing,
  };
}

function read(kernel: MeteredKernel): Omit<KernelUse, "whole"> {
  const sums = { reading: 0, writes: 0, writing: 0 };
  for (const [method, { calls, nanoseconds }] of kernel.meters()) {
    if (isMutation(method)) {
      sums.writes += calls;
      sums.writing += Number(nanoseconds) / 1e6;
    } else sums.reading += Number(nanoseconds) / 1e6;
  }
  return sums;
}
