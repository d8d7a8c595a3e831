// SPDX-License-Identifier: Apache-2.0
import { addressSize, hasHostBits, maskAddress, parseCidrBytes, prefixOf } from "../../btf/address.ts";
import { printAddress } from "../../btf/print-address.ts";
import { type AddressSet, buildAddressSet } from "./address-set.ts";
import { quote } from "./problem.ts";

/** A list file, read. */
export interface ListFile {
  readonly set: AddressSet;
  /** The first ones; `moreProblems` says how many there are beyond. */
  readonly problems: readonly ListProblem[];
  readonly moreProblems: number;
}

export interface ListProblem {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Line and column count from 1. */
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** A file that is no list at all has as many wrong lines as lines: nobody reads more than these. */
const problemLimit = 20;

const newline = 0x0a;
const hash = 0x23;
const semicolon = 0x3b;

/**
 * Reads one address or prefix per line; empty lines, and what follows "#" or ";", are ignored. Works on bytes and allocates nothing
 * per line: a million lines take about half a second. Reading the same bytes object again costs nothing.
 */
export function readListFile(bytes: Uint8Array): ListFile {
  const known = read.get(bytes);
  if (known !== undefined) return known;
  const file = readLines(bytes);
  read.set(bytes, file);
  return file;
}

/** A list is read once, however many chains of a policy name it. */
const read = new WeakMap<Uint8Array, ListFile>();

/** What is wrong with bytes[start, end) as an address or prefix, whose parse gave `found` and `address`; null when nothing is. */
export function addressProblem(
  bytes: Uint8Array,
  start: number,
  end: number,
  found: number,
  address: Uint8Array,
): Pick<ListProblem, "code" | "message" | "hint"> | null {
  if (found < 0) {
    return { code: "bad-address", message: `${quoteBytes(bytes, start, end)} is not an IPv4 or IPv6 address or prefix`, hint: null };
  }
  const size = addressSize(found);
  const prefix = prefixOf(found);
  if (!hasHostBits(address, 0, size, prefix)) return null;
  return {
    code: "host-bits",
    message: `Prefix ${quoteBytes(bytes, start, end)} has bits set beyond its ${prefix} bits`,
    hint: `did you mean "${printAddress(maskAddress(address.subarray(0, size), prefix))}/${prefix}"?`,
  };
}

function readLines(bytes: Uint8Array): ListFile {
  const set = buildAddressSet();
  const problems: ListProblem[] = [];
  const address = new Uint8Array(16);
  let wrong = 0;
  let line = 0;
  for (let at = startOfText(bytes); at < bytes.length; ) {
    const lineStart = at;
    let end = bytes.indexOf(newline, at);
    if (end < 0) end = bytes.length;
    at = end + 1;
    line += 1;
    const start = skipBlanks(bytes, lineStart, end);
    const stop = endOfItem(bytes, start, end);
    if (start === stop) continue;
    const found = parseCidrBytes(bytes, start, stop, address, 0);
    const problem = addressProblem(bytes, start, stop, found, address);
    if (problem === null) {
      set.add(found, address, line);
      continue;
    }
    wrong += 1;
    if (wrong <= problemLimit) problems.push({ ...problem, line, column: start - lineStart + 1, length: stop - start });
  }
  return { set: set.build(), problems, moreProblems: wrong - problems.length };
}

/** Behind a byte order mark. */
function startOfText(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

function skipBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(bytes[at] as number)) at += 1;
  return at;
}

function endOfItem(bytes: Uint8Array, start: number, end: number): number {
  let stop = start;
  while (stop < end && bytes[stop] !== hash && bytes[stop] !== semicolon) stop += 1;
  while (stop > start && isBlank(bytes[stop - 1] as number)) stop -= 1;
  return stop;
}

function quoteBytes(bytes: Uint8Array, start: number, end: number): string {
  return quote(Buffer.from(bytes.subarray(start, Math.min(end, start + 100))).toString("latin1"));
}
