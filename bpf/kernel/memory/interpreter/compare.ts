// SPDX-License-Identifier: Apache-2.0
import { jumps } from "../../../asm/opcodes.ts";
import { InterpreterError } from "./interpreter-error.ts";

/** Whether a conditional jump on a `operation` b is taken. Both are given as unsigned halves; for JMP32 the upper ones are the sign or zero. */
export function isTaken(operation: number, aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  switch (operation) {
    case jumps.eq:
      return aLow === bLow && aHigh === bHigh;
    case jumps.ne:
      return aLow !== bLow || aHigh !== bHigh;
    case jumps.set:
      return (aLow & bLow) !== 0 || (aHigh & bHigh) !== 0;
    case jumps.gt:
      return isLess(bLow, bHigh, aLow, aHigh);
    case jumps.ge:
      return !isLess(aLow, aHigh, bLow, bHigh);
    case jumps.lt:
      return isLess(aLow, aHigh, bLow, bHigh);
    case jumps.le:
      return !isLess(bLow, bHigh, aLow, aHigh);
    case jumps.sgt:
      return isLess(bLow, bHigh | 0, aLow, aHigh | 0);
    case jumps.sge:
      return !isLess(aLow, aHigh | 0, bLow, bHigh | 0);
    case jumps.slt:
      return isLess(aLow, aHigh | 0, bLow, bHigh | 0);
    case jumps.sle:
      return !isLess(bLow, bHigh | 0, aLow, aHigh | 0);
    default:
      throw new InterpreterError(`Cannot decide the unknown jump 0x${operation.toString(16)}`);
  }
}

function isLess(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  return aHigh < bHigh || (aHigh === bHigh && aLow < bLow);
}
