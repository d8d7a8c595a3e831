// SPDX-License-Identifier: Apache-2.0

/**
 * r0 to r10, twice over the same bytes: `half[2n]` is the lower and `half[2n + 1]` the upper half of register n, so that most
 * instructions need no bigint.
 */
export interface Registers {
  readonly half: Uint32Array;
  readonly whole: BigUint64Array;
  readonly signed: BigInt64Array;
}

/** All zero. */
export function createRegisters(): Registers {
  const buffer = new ArrayBuffer(11 * 8);
  return { half: new Uint32Array(buffer), whole: new BigUint64Array(buffer), signed: new BigInt64Array(buffer) };
}

/** The lower 32 bits, unsigned. */
export function low(registers: Registers, register: number): number {
  return registers.half[2 * register] as number;
}

/** The upper 32 bits, unsigned. */
export function high(registers: Registers, register: number): number {
  return registers.half[2 * register + 1] as number;
}

export function setHalves(registers: Registers, register: number, lowHalf: number, highHalf: number): void {
  registers.half[2 * register] = lowHalf;
  registers.half[2 * register + 1] = highHalf;
}

/** A signed number of at most 53 bits, sign extended: what helpers return. */
export function setNumber(registers: Registers, register: number, value: number): void {
  registers.signed[register] = BigInt(value);
}
