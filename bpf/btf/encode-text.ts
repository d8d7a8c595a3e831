// SPDX-License-Identifier: Apache-2.0
import { hasHostBits, maskAddress, parseCidr, parseIpv4, parseIpv6, parseMac } from "./address.ts";
import { printAddress } from "./print-address.ts";
import { type Misfit, quoteValue } from "./problem.ts";
import type { Shape } from "./shape.ts";

/** Whether a value gives its bytes itself: "hex:0a0b". */
export function isHex(value: unknown): value is string {
  return typeof value === "string" && value.startsWith("hex:");
}

/** The bytes of "hex:0a0b", which must be exactly `size`. */
export function encodeHex(value: unknown, size: number): Uint8Array | Misfit {
  if (!isHex(value) || !/^hex:(?:[0-9a-fA-F]{2})*$/.test(value)) {
    const hint = `write ${size} bytes as "hex:${"00".repeat(Math.min(size, 4))}${size > 4 ? "…" : ""}"`;
    return { code: "bad-bytes", message: `Value ${quoteValue(value)} is not bytes in hexadecimal`, hint };
  }
  const bytes = Buffer.from(value.slice(4), "hex");
  if (bytes.length === size) return new Uint8Array(bytes);
  return { code: "bad-bytes", message: `Value ${quoteValue(value)} has ${bytes.length} bytes, the type ${size}`, hint: null };
}

/** The bytes of a text for a type of this shape and size. */
export function encodeText(shape: Shape, text: string, size: number): Uint8Array | Misfit {
  switch (shape.kind) {
    case "address":
      return encodeAddress(text, shape.size);
    case "cidr":
      return encodeCidr(text, shape.size);
    case "text":
      return encodeString(text, size);
    case "bytes":
      return encodeHex(text, size);
  }
}

const addresses = {
  4: { parse: parseIpv4, name: "an IPv4 address", example: "192.0.2.1" },
  6: { parse: parseMac, name: "a MAC address", example: "02:00:5e:10:00:01" },
  16: { parse: parseIpv6, name: "an IPv6 address", example: "2001:db8::1" },
} as const;

function encodeAddress(text: string, size: 4 | 6 | 16): Uint8Array | Misfit {
  const { parse, name, example } = addresses[size];
  const address = parse(text);
  if (address !== null) return address;
  const mapped = size === 16 && parseIpv4(text) !== null ? `write "::ffff:${text}" for an IPv4 address` : null;
  return { code: "bad-address", message: `Value ${quoteValue(text)} is not ${name} like "${example}"`, hint: mapped };
}

function encodeCidr(text: string, size: 4 | 16): Uint8Array | Misfit {
  const cidr = parseCidr(text);
  if (cidr === null || cidr.address.length !== size) {
    const expected = size === 4 ? 'an IPv4 prefix like "10.0.0.0/8"' : 'an IPv6 prefix like "2001:db8::/32"';
    return { code: "bad-address", message: `Value ${quoteValue(text)} is not ${expected}`, hint: null };
  }
  if (hasHostBits(cidr.address, 0, size, cidr.prefix)) {
    const masked = printAddress(maskAddress(cidr.address, cidr.prefix));
    const message = `Prefix ${quoteValue(text)} has bits set beyond its length`;
    return { code: "host-bits", message, hint: `did you mean "${masked}/${cidr.prefix}"?` };
  }
  const key = new Uint8Array(4 + size);
  key[0] = cidr.prefix;
  key.set(cidr.address, 4);
  return key;
}

function encodeString(text: string, size: number): Uint8Array | Misfit {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length > size) {
    return { code: "too-long", message: `Text ${quoteValue(text)} has ${bytes.length} bytes, the type ${size}`, hint: null };
  }
  if (bytes.includes(0)) return { code: "bad-bytes", message: `Text ${quoteValue(text)} has a NUL byte in it`, hint: null };
  const padded = new Uint8Array(size);
  padded.set(bytes);
  return padded;
}
