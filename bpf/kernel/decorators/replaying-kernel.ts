// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from "node:util";
import type { Kernel } from "../kernel.ts";
import { KernelError } from "../kernel-error.ts";
import type { RecordedCall } from "./recording-kernel.ts";
import { summariseCall } from "./summarise-call.ts";
import { type KernelMethod, wrapKernel } from "./wrap-kernel.ts";

/** The replayed code asked for something else than the recorded one. */
export class ReplayMismatch extends Error {
  override readonly name = "ReplayMismatch";
}

export interface ReplayingKernel extends Kernel {
  /** Recorded calls that nobody has asked for yet. */
  left(): number;
}

/** Answers from a recording, in its order. Throws ReplayMismatch on any other method, other arguments, or a call too many. */
export function createReplayingKernel(recording: readonly RecordedCall[]): ReplayingKernel {
  let next = 0;
  const answer = (method: KernelMethod, args: readonly unknown[]): unknown => {
    const expected = recording[next];
    const asked = summariseCall({ method, arguments: args, outcome: { kind: "returned", value: null } });
    if (expected === undefined)
      throw new ReplayMismatch(`Call ${next + 1} is not in the recording, which has ${recording.length}: ${asked}`);
    if (expected.method !== method || !isDeepStrictEqual(expected.arguments, args)) {
      throw new ReplayMismatch(`Call ${next + 1} differs: expected ${summariseCall(expected)}, got ${asked}`);
    }
    next += 1;
    if (expected.outcome.kind === "returned") return structuredClone(expected.outcome.value);
    throw new KernelError(expected.outcome.message, expected.outcome);
  };
  // Nothing to stand around: the answers take the place of the kernel, so `proceed` is never called.
  const wrapped = wrapKernel(
    absentKernel,
    async <Result>(method: KernelMethod, args: readonly unknown[]) => answer(method, args) as Result,
  );
  return { ...wrapped, left: () => recording.length - next };
}

const absentKernel = {} as Kernel;
