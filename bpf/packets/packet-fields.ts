// SPDX-License-Identifier: Apache-2.0
import { parseIpv4, parseIpv6, parseMac } from "../btf/address.ts";
import { tcpFlags } from "./layers.ts";

/** How the word after a field's name is read. */
export interface FieldKind<Value> {
  /** What is expected, for errors: "a port, 0 to 65535". */
  readonly expected: string;
  /** null for what is no such value. */
  read(word: string): Value | null;
}

/** A whole number in decimal or, with "0x", in hexadecimal. */
export function number(what: string, most: number): FieldKind<number> {
  return {
    expected: `${what}, 0 to ${most}`,
    read(word) {
      if (!/^(?:\d{1,10}|0x[0-9a-fA-F]{1,8})$/.test(word)) return null;
      const value = Number(word);
      return value <= most ? value : null;
    },
  };
}

export const mac: FieldKind<string> = {
  expected: 'an Ethernet address, like "02:00:00:00:00:01"',
  read: (word) => (parseMac(word) === null ? null : word),
};

export const ipv4Address: FieldKind<string> = {
  expected: 'an IPv4 address, like "192.0.2.1"',
  read: (word) => (parseIpv4(word) === null ? null : word),
};

export const ipv6Address: FieldKind<string> = {
  expected: 'an IPv6 address, like "2001:db8::1"',
  read: (word) => (parseIpv6(word) === null ? null : word),
};

const flagLetters: Readonly<Record<string, number>> = {
  F: tcpFlags.fin,
  S: tcpFlags.syn,
  R: tcpFlags.rst,
  P: tcpFlags.psh,
  A: tcpFlags.ack,
  U: 32,
  E: 64,
  W: 128,
};

/** Letters as tcpdump and scapy write them; "." and A are ACK, "none" is no flag. */
export const flags: FieldKind<number> = {
  expected: 'TCP flags, letters of "FSRPAUEW" or "none"',
  read(word) {
    if (word === "none") return 0;
    const bits = Array.from(word.replaceAll(".", "A")).map((letter) => flagLetters[letter]);
    return bits.includes(undefined) ? null : bits.reduce<number>((sum, bit) => sum | (bit as number), 0);
  },
};

export const hex: FieldKind<Uint8Array> = {
  expected: 'bytes in hexadecimal, like "474554"',
  read: (word) => (/^(?:[0-9a-fA-F]{2})+$/.test(word) ? new Uint8Array(Buffer.from(word, "hex")) : null),
};

/** So many zero bytes. */
export const zeros: FieldKind<Uint8Array> = {
  expected: "a number of zero bytes, 0 to 9000",
  read(word) {
    const count = number("", 9000).read(word);
    return count === null ? null : new Uint8Array(count);
  },
};

/** Bytes of an extension header. */
export const extensionSize: FieldKind<number> = {
  expected: "a size in bytes, a multiple of 8 from 8 to 2048",
  read(word) {
    const size = number("", 2048).read(word);
    return size === null || size === 0 || size % 8 !== 0 ? null : size;
  },
};
