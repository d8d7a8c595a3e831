// SPDX-License-Identifier: Apache-2.0
import { arithmetic as op } from "../../../asm/opcodes.ts";
import { InterpreterError } from "./interpreter-error.ts";
import { high, low, type Registers, setHalves } from "./registers.ts";

/** dst = dst `operation` (bLow, bHigh) in 64 bits. `offset` is the instruction's: 1 divides signed, 8, 16 and 32 of a move extend the sign. */
export function arithmetic64(registers: Registers, operation: number, dst: number, bLow: number, bHigh: number, offset: number): void {
  const aLow = low(registers, dst);
  const aHigh = high(registers, dst);
  switch (operation) {
    case op.mov:
      return moveExtended(registers, dst, bLow, bHigh, offset);
    case op.add: {
      const sum = aLow + bLow;
      return setHalves(registers, dst, sum, aHigh + bHigh + (sum > 0xffffffff ? 1 : 0));
    }
    case op.sub:
      return setHalves(registers, dst, aLow - bLow, aHigh - bHigh - (aLow < bLow ? 1 : 0));
    case op.and:
      return setHalves(registers, dst, aLow & bLow, aHigh & bHigh);
    case op.or:
      return setHalves(registers, dst, aLow | bLow, aHigh | bHigh);
    case op.xor:
      return setHalves(registers, dst, aLow ^ bLow, aHigh ^ bHigh);
    default:
      registers.whole[dst] = wide64(registers.whole[dst] as bigint, operation, join(bLow, bHigh), offset);
  }
}

/** The same in 32 bits; the upper half becomes zero. */
export function arithmetic32(registers: Registers, operation: number, dst: number, b: number, offset: number): void {
  setHalves(registers, dst, result32(low(registers, dst), operation, b, offset), 0);
}

function result32(a: number, operation: number, b: number, offset: number): number {
  switch (operation) {
    case op.mov:
      return offset === 0 ? b : (b << (32 - offset)) >> (32 - offset);
    case op.add:
      return a + b;
    case op.sub:
      return a - b;
    case op.and:
      return a & b;
    case op.or:
      return a | b;
    case op.xor:
      return a ^ b;
    case op.mul:
      return Math.imul(a, b);
    case op.lsh:
      return a << (b & 31);
    case op.rsh:
      return a >>> (b & 31);
    case op.arsh:
      return (a | 0) >> (b & 31);
    case op.neg:
      return -a;
    case op.div:
      return b === 0 ? 0 : offset === 1 ? (a | 0) / (b | 0) : a / b;
    case op.mod:
      return b === 0 ? a : offset === 1 ? (a | 0) % (b | 0) : a % b;
    default:
      throw new InterpreterError(`Cannot compute the unknown operation 0x${operation.toString(16)}`);
  }
}

/** BPF_END: byte order. Class alu converts to little (nothing but truncation here) or big endian, alu64 always swaps. */
export function swapBytes(registers: Registers, dst: number, bits: number, swap: boolean): void {
  const aLow = low(registers, dst);
  const aHigh = high(registers, dst);
  if (bits === 64) {
    if (swap) setHalves(registers, dst, swap32(aHigh), swap32(aLow));
  } else if (bits === 32) {
    setHalves(registers, dst, swap ? swap32(aLow) : aLow, 0);
  } else if (bits === 16) {
    setHalves(registers, dst, swap ? swap32(aLow) >>> 16 : aLow & 0xffff, 0);
  } else {
    throw new InterpreterError(`Cannot convert the byte order of ${bits} bits: expected 16, 32 or 64`);
  }
}

function moveExtended(registers: Registers, dst: number, bLow: number, bHigh: number, offset: number): void {
  if (offset === 0) return setHalves(registers, dst, bLow, bHigh);
  const extended = (bLow << (32 - offset)) >> (32 - offset);
  setHalves(registers, dst, extended, extended < 0 ? 0xffffffff : 0);
}

/** What two halves cannot do cheaply. Stored in 64 bits, so a result may be wider. */
function wide64(a: bigint, operation: number, b: bigint, offset: number): bigint {
  switch (operation) {
    case op.mul:
      return BigInt.asUintN(64, a * b);
    case op.lsh:
      return BigInt.asUintN(64, a << (b & 63n));
    case op.rsh:
      return a >> (b & 63n);
    case op.arsh:
      return BigInt.asUintN(64, BigInt.asIntN(64, a) >> (b & 63n));
    case op.neg:
      return BigInt.asUintN(64, -a);
    case op.div:
      if (b === 0n) return 0n;
      return offset === 1 ? BigInt.asUintN(64, BigInt.asIntN(64, a) / BigInt.asIntN(64, b)) : a / b;
    case op.mod:
      if (b === 0n) return a;
      return offset === 1 ? BigInt.asUintN(64, BigInt.asIntN(64, a) % BigInt.asIntN(64, b)) : a % b;
    default:
      throw new InterpreterError(`Cannot compute the unknown operation 0x${operation.toString(16)}`);
  }
}

function join(lowHalf: number, highHalf: number): bigint {
  return (BigInt(highHalf) << 32n) | BigInt(lowHalf);
}

function swap32(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
