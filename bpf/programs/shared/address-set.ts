// SPDX-License-Identifier: Apache-2.0
import { addressSize, prefixOf } from "../../btf/address.ts";

/** Prefixes of one family side by side, ordered by address and then by length, none twice: each stands before those it covers. */
export interface PrefixList {
  /** Bytes of an address: 4 or 16. */
  readonly size: number;
  readonly count: number;
  /** count × size bytes, network order, no bit set beyond the prefix. */
  readonly addresses: Uint8Array;
  readonly lengths: Uint8Array;
}

export interface AddressSet {
  readonly v4: PrefixList;
  readonly v6: PrefixList;
  /** How many were given once more. */
  readonly duplicates: number;
  /** The earliest of these, as the number that was given to `add`; 0 without duplicates. */
  readonly firstDuplicate: number;
}

/** Collects prefixes in any order. */
export interface AddressSetBuilder {
  /** `found` is the result of parseCidrBytes, `address` holds what it wrote; `line` tells the entry in `firstDuplicate`. */
  add(found: number, address: Uint8Array, line: number): void;
  build(): AddressSet;
}

/** Starts a set. Memory grows with what is added; building sorts by radix, a million prefixes in about 0.2 s. */
export function buildAddressSet(): AddressSetBuilder {
  const v4 = growingList(4);
  const v6 = growingList(16);
  return {
    add(found, address, line) {
      (addressSize(found) === 4 ? v4 : v6).add(address, prefixOf(found), line);
    },
    build() {
      const four = v4.build();
      const six = v6.build();
      const lines = [four.firstDuplicate, six.firstDuplicate].filter((line) => line > 0);
      return {
        v4: four.list,
        v6: six.list,
        duplicates: four.duplicates + six.duplicates,
        firstDuplicate: lines.length === 0 ? 0 : Math.min(...lines),
      };
    },
  };
}

/** The positions of prefixes in the order of a PrefixList; those that are alike stay in the order they came. */
export function prefixOrder(size: number, count: number, addresses: Uint8Array, lengths: Uint8Array): Uint32Array {
  let order = new Uint32Array(count);
  for (let index = 0; index < count; index += 1) order[index] = index;
  if (isOrdered(size, count, addresses, lengths)) return order;
  let spare = new Uint32Array(count);
  for (let digit = size; digit >= 0; digit -= 1) {
    const [bytes, start, stride] = digit === size ? [lengths, 0, 1] : [addresses, digit, size];
    if (sortByByte(order, spare, bytes, start, stride)) [order, spare] = [spare, order];
  }
  return order;
}

/** Whether two positions hold the same prefix. */
export function samePrefix(size: number, addresses: Uint8Array, lengths: Uint8Array, a: number, b: number): boolean {
  return lengths[a] === lengths[b] && comparePrefixes(size, addresses, lengths, a, b) === 0;
}

function comparePrefixes(size: number, addresses: Uint8Array, lengths: Uint8Array, a: number, b: number): number {
  for (let byte = 0; byte < size; byte += 1) {
    const difference = (addresses[a * size + byte] as number) - (addresses[b * size + byte] as number);
    if (difference !== 0) return difference;
  }
  return (lengths[a] as number) - (lengths[b] as number);
}

function isOrdered(size: number, count: number, addresses: Uint8Array, lengths: Uint8Array): boolean {
  for (let index = 1; index < count; index += 1) {
    if (comparePrefixes(size, addresses, lengths, index - 1, index) > 0) return false;
  }
  return true;
}

/** One pass of the radix sort, stable; false when all have the same byte there and nothing was moved. */
function sortByByte(order: Uint32Array, sorted: Uint32Array, bytes: Uint8Array, start: number, stride: number): boolean {
  const places = new Uint32Array(256);
  for (let at = start; at < order.length * stride; at += stride) places[bytes[at] as number] = (places[bytes[at] as number] as number) + 1;
  if (places.includes(order.length)) return false;
  let sum = 0;
  for (let value = 0; value < 256; value += 1) {
    const count = places[value] as number;
    places[value] = sum;
    sum += count;
  }
  for (const index of order) {
    const value = bytes[index * stride + start] as number;
    const place = places[value] as number;
    sorted[place] = index;
    places[value] = place + 1;
  }
  return true;
}

interface BuiltList {
  readonly list: PrefixList;
  readonly duplicates: number;
  readonly firstDuplicate: number;
}

function growingList(size: number): { add(address: Uint8Array, length: number, line: number): void; build(): BuiltList } {
  let addresses = new Uint8Array(64 * size);
  let lengths = new Uint8Array(64);
  let lines = new Uint32Array(64);
  let count = 0;
  return {
    add(address, length, line) {
      if (count === lengths.length) {
        addresses = grown(addresses);
        lengths = grown(lengths);
        lines = grown(lines);
      }
      for (let byte = 0; byte < size; byte += 1) addresses[count * size + byte] = address[byte] as number;
      lengths[count] = length;
      lines[count] = line;
      count += 1;
    },
    build: () => distinct(size, count, addresses, lengths, lines),
  };
}

function grown<T extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(array: T): T {
  const larger = new (array.constructor as new (length: number) => T)(array.length * 2);
  larger.set(array);
  return larger;
}

function distinct(size: number, count: number, addresses: Uint8Array, lengths: Uint8Array, lines: Uint32Array): BuiltList {
  const order = prefixOrder(size, count, addresses, lengths);
  const keptAddresses = new Uint8Array(count * size);
  const keptLengths = new Uint8Array(count);
  let kept = 0;
  let firstDuplicate = 0;
  for (let place = 0; place < count; place += 1) {
    const index = order[place] as number;
    if (place > 0 && samePrefix(size, addresses, lengths, order[place - 1] as number, index)) {
      const line = lines[index] as number;
      firstDuplicate = firstDuplicate === 0 ? line : Math.min(firstDuplicate, line);
      continue;
    }
    for (let byte = 0; byte < size; byte += 1) keptAddresses[kept * size + byte] = addresses[index * size + byte] as number;
    keptLengths[kept] = lengths[index] as number;
    kept += 1;
  }
  const list = { size, count: kept, addresses: keptAddresses.slice(0, kept * size), lengths: keptLengths.slice(0, kept) };
  return { list, duplicates: count - kept, firstDuplicate };
}
