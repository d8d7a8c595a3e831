// SPDX-License-Identifier: Apache-2.0

import type { MemoryMap } from "../memory-map.ts";
import type { MemoryProgram } from "../memory-program.ts";
import { InterpreterError } from "./interpreter-error.ts";

/**
 * What a pointer may point into. A pointer is a plain number of 64 bits: the region's number in the upper half, the byte in the lower
 * one; so it survives arithmetic and being spilled, and whatever leaves its region is caught at the access.
 */
export type Region = BytesRegion | ContextRegion | MapRegion | FunctionRegion;

export interface BytesRegion {
  readonly kind: "stack" | "packet" | "map value" | "map key" | "record";
  readonly view: DataView;
  /** The bytes of `view` that may be touched: [start, end). Those of a packet move. */
  start: number;
  end: number;
  readonly writable: boolean;
}

/** struct xdp_md or __sk_buff: fields, not bytes. */
export interface ContextRegion {
  readonly kind: "context";
}

/** What ld_imm64 of a map gives: only good for helpers. */
export interface MapRegion {
  readonly kind: "map";
  readonly map: MemoryMap;
}

/** Functions of a program by their first instruction: only good for helpers that call back. */
export interface FunctionRegion {
  readonly kind: "function";
  readonly program: MemoryProgram;
}

export interface AddressSpace {
  /** Gives a region its number; the same object keeps it. */
  number(region: Region): number;
  /** Throws InterpreterError for numbers that no region has: null, integers, freed stack. */
  region(number: number): Region;
}

/** Above every small integer, so that no number a program computes is taken for a pointer. */
const firstNumber = 0x1000;

/** An empty address space. */
export function createAddressSpace(): AddressSpace {
  const regions: Region[] = [];
  const numbers = new Map<Region, number>();
  return {
    number(region) {
      const known = numbers.get(region);
      if (known !== undefined) return known;
      regions.push(region);
      numbers.set(region, firstNumber + regions.length - 1);
      return firstNumber + regions.length - 1;
    },
    region(number) {
      const region = regions[number - firstNumber];
      if (region === undefined) throw new InterpreterError(`Cannot use 0x${number.toString(16)}… as a pointer: it points to nothing`);
      return region;
    },
  };
}

/** All of `bytes`, touchable from start to end. */
export function bytesRegion(kind: BytesRegion["kind"], bytes: Uint8Array, writable: boolean): BytesRegion {
  return { kind, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), start: 0, end: bytes.length, writable };
}

/** Checks an access of `size` bytes at byte `at` of a region, and gives the bytes it is in. */
export function checkAccess(region: Region, at: number, size: number, write: boolean): DataView {
  if (!("view" in region))
    throw new InterpreterError(`Cannot ${write ? "write" : "read"} ${size} bytes through a pointer to a ${region.kind}`);
  if (at < region.start || at + size > region.end) {
    throw new InterpreterError(
      `Cannot access ${size} bytes at ${at - region.start} of a ${region.kind} of ${region.end - region.start} bytes`,
    );
  }
  if (write && !region.writable) throw new InterpreterError(`Cannot write to a read-only ${region.kind}`);
  return region.view;
}
