// SPDX-License-Identifier: Apache-2.0
import type { BodyFunction } from "./body.ts";

/** What a function and everything that it calls take of the limits that the kernel sets for the deepest call chain. */
export interface CallDepth {
  /** Stack of the deepest chain of frames, each rounded up. Infinite for a function that calls itself. */
  readonly bytes: number;
  readonly frames: number;
  /** Most stack that lies above a function which makes tail calls; null when none does. */
  readonly aboveTailCall: number | null;
}

/** Depths of all functions of a body, in their order; the kernel rounds frames up to `rounding` bytes. */
export function callDepths(functions: readonly BodyFunction[], rounding: number): readonly CallDepth[] {
  const depths = new Map<number, CallDepth>();
  const measure = (index: number): CallDepth => {
    const known = depths.get(index);
    if (known !== undefined) return known;
    depths.set(index, { bytes: Infinity, frames: Infinity, aboveTailCall: null });
    const own = functions[index] as BodyFunction;
    const depth = putBelow(frameSize(own.stack, rounding), own.tailCalls, own.callees.map(measure));
    depths.set(index, depth);
    return depth;
  };
  return functions.map((_, index) => measure(index));
}

/** The depth of a function with a frame of `frame` bytes that calls functions of these depths. */
export function putBelow(frame: number, tailCalls: boolean, callees: readonly CallDepth[]): CallDepth {
  const above = callees.flatMap(({ aboveTailCall }) => (aboveTailCall === null ? [] : [frame + aboveTailCall]));
  if (tailCalls) above.push(0);
  return {
    bytes: frame + Math.max(0, ...callees.map(({ bytes }) => bytes)),
    frames: 1 + Math.max(0, ...callees.map(({ frames }) => frames)),
    aboveTailCall: above.length === 0 ? null : Math.max(...above),
  };
}

/** What the kernel reserves for a frame: even an unused one takes room. */
export function frameSize(stack: number, rounding: number): number {
  return Math.ceil(Math.max(stack, 1) / rounding) * rounding;
}
