// SPDX-License-Identifier: Apache-2.0
import type { BitRange } from "./resolve.ts";

/** How an integer lies in a value: its width, whether it is signed, and its byte order. */
export interface IntegerLayout {
  readonly bits: number;
  readonly signed: boolean;
  readonly bigEndian: boolean;
}

/** The smallest and the largest value. */
export function integerRange({ bits, signed }: IntegerLayout): readonly [bigint, bigint] {
  const values = 1n << BigInt(bits);
  return signed ? [-values / 2n, values / 2n - 1n] : [0n, values - 1n];
}

/** Fills all of `target`; bits that do not fit are cut off. */
export function writeInteger(target: Uint8Array, value: bigint, bigEndian: boolean): void {
  let rest = BigInt.asUintN(target.length * 8, value);
  for (let index = 0; index < target.length; index++) {
    target[bigEndian ? target.length - 1 - index : index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/** The integer that all of `bytes` holds. */
export function readInteger(bytes: Uint8Array, signed: boolean, bigEndian: boolean): bigint {
  let value = 0n;
  for (let index = 0; index < bytes.length; index++) {
    value = (value << 8n) | BigInt(bytes[bigEndian ? index : bytes.length - 1 - index] as number);
  }
  return signed ? BigInt.asIntN(bytes.length * 8, value) : value;
}

/** Sets the bits of a bitfield and leaves its neighbours alone; the range must lie within `target`. */
export function writeBits(target: Uint8Array, range: BitRange, value: bigint): void {
  for (let bit = 0; bit < range.bits; bit++) {
    const at = range.offset + bit;
    const mask = 1 << (at & 7);
    const byte = target[at >> 3] as number;
    target[at >> 3] = (value >> BigInt(bit)) & 1n ? byte | mask : byte & ~mask;
  }
}

/** The integer in the bits of a bitfield, which must lie within `bytes`. */
export function readBits(bytes: Uint8Array, range: BitRange, signed: boolean): bigint {
  let value = 0n;
  for (let bit = range.bits - 1; bit >= 0; bit--) {
    const at = range.offset + bit;
    value = (value << 1n) | BigInt(((bytes[at >> 3] as number) >> (at & 7)) & 1);
  }
  return signed ? BigInt.asIntN(range.bits, value) : value;
}
