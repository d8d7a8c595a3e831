// SPDX-License-Identifier: Apache-2.0

const encoder = new TextEncoder();

/** An address with a prefix length; `address` is 4 or 16 bytes in network order, host bits as they were written. */
export interface Cidr {
  readonly address: Uint8Array;
  readonly prefix: number;
}

/** The 4 bytes of "192.0.2.1"; null for anything else. Leading zeros are refused: some tools read them as octal. */
export function parseIpv4(text: string): Uint8Array | null {
  const bytes = encoder.encode(text);
  const address = new Uint8Array(4);
  return readIpv4(bytes, 0, bytes.length, address, 0) ? address : null;
}

/** The 16 bytes of "2001:db8::1" or "::ffff:192.0.2.1"; null for anything else, a zone ("%eth0") included. */
export function parseIpv6(text: string): Uint8Array | null {
  const bytes = encoder.encode(text);
  const address = new Uint8Array(16);
  return readIpv6(bytes, 0, bytes.length, address, 0) ? address : null;
}

/** The 6 bytes of "02:00:5e:10:00:01", or the same with "-"; null for anything else. */
export function parseMac(text: string): Uint8Array | null {
  if (!/^[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}$/.test(text)) return null;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

/** "10.0.0.0/8", "2001:db8::/32", or an address alone, which is its own prefix of 32 or 128; null for anything else. */
export function parseCidr(text: string): Cidr | null {
  const bytes = encoder.encode(text);
  const out = new Uint8Array(16);
  const found = parseCidrBytes(bytes, 0, bytes.length, out, 0);
  if (found < 0) return null;
  return { address: out.slice(0, addressSize(found)), prefix: prefixOf(found) };
}

/**
 * Reads bytes[start, end) as parseCidr does and writes the address to `out` at `at`, where there must be room for 16 bytes.
 * Allocates nothing, so a list file of a million lines costs a loop. Returns a number for addressSize and prefixOf, or -1 for what
 * is no address; then `out` may hold anything.
 */
export function parseCidrBytes(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let slash = end;
  let colon = false;
  for (let index = start; index < end && slash === end; index++) {
    const code = bytes[index];
    if (code === 0x2f) slash = index;
    else if (code === 0x3a) colon = true;
  }
  const width = colon ? 128 : 32;
  const prefix = slash === end ? width : readPrefix(bytes, slash + 1, end, width);
  if (prefix < 0) return -1;
  if (colon) return readIpv6(bytes, start, slash, out, at) ? 0x1000 | prefix : -1;
  return readIpv4(bytes, start, slash, out, at) ? 0x400 | prefix : -1;
}

/** 4 or 16: how many bytes a result of parseCidrBytes has written. */
export function addressSize(found: number): number {
  return found >> 8;
}

/** The prefix length in a result of parseCidrBytes. */
export function prefixOf(found: number): number {
  return found & 0xff;
}

/** Whether the `size` address bytes at `at` have a bit set beyond the prefix. */
export function hasHostBits(bytes: Uint8Array, at: number, size: number, prefix: number): boolean {
  for (let index = prefix >> 3; index < size; index++) {
    const host = index === prefix >> 3 ? 0xff >> (prefix & 7) : 0xff;
    if (((bytes[at + index] as number) & host) !== 0) return true;
  }
  return false;
}

/** The address with every bit beyond the prefix cleared, as a copy. */
export function maskAddress(address: Uint8Array, prefix: number): Uint8Array {
  return address.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8));
    return byte & (0xff00 >> kept) & 0xff;
  });
}

function readPrefix(bytes: Uint8Array, start: number, end: number, width: number): number {
  const length = end - start;
  if (length < 1 || length > 3 || (length > 1 && bytes[start] === 0x30)) return -1;
  let prefix = 0;
  for (let index = start; index < end; index++) {
    const digit = (bytes[index] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    prefix = prefix * 10 + digit;
  }
  return prefix <= width ? prefix : -1;
}

function readIpv4(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): boolean {
  let part = 0;
  let value = -1;
  for (let index = start; index < end; index++) {
    const code = bytes[index] as number;
    if (code === 0x2e) {
      if (value < 0 || part === 3) return false;
      out[at + part++] = value;
      value = -1;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9 || value === 0) return false;
    value = value < 0 ? digit : value * 10 + digit;
    if (value > 255) return false;
  }
  out[at + 3] = value;
  return value >= 0 && part === 3;
}

/** Groups of two bytes from the left; what follows "::" is moved to the right end afterwards. */
function readIpv6(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): boolean {
  let used = 0;
  let gap = -1;
  let index = start;
  if (bytes[index] === 0x3a) {
    if (index + 1 >= end || bytes[index + 1] !== 0x3a) return false;
    gap = 0;
    index += 2;
  }
  while (index < end) {
    if (used === 16) return false;
    const groupStart = index;
    let group = 0;
    while (index < end && index - groupStart < 5) {
      const digit = hexDigit(bytes[index] as number);
      if (digit < 0) break;
      group = (group << 4) | digit;
      index++;
    }
    if (index < end && bytes[index] === 0x2e) {
      if (used > 12 || !readIpv4(bytes, groupStart, end, out, at + used)) return false;
      used += 4;
      break;
    }
    if (index === groupStart || index - groupStart > 4) return false;
    out[at + used++] = group >> 8;
    out[at + used++] = group & 0xff;
    if (index === end) break;
    if (bytes[index++] !== 0x3a || index === end) return false;
    if (bytes[index] === 0x3a) {
      if (gap >= 0) return false;
      gap = used;
      index++;
    }
  }
  return spreadGap(out, at, used, gap);
}

function spreadGap(out: Uint8Array, at: number, used: number, gap: number): boolean {
  if (gap < 0) return used === 16;
  if (used > 14) return false;
  const shift = 16 - used;
  out.copyWithin(at + gap + shift, at + gap, at + used);
  out.fill(0, at + gap, at + gap + shift);
  return true;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
