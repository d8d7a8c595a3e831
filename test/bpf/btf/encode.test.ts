// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { BtfError } from "../../../bpf/btf/btf-error.ts";
import { type Decoded, decodeValue } from "../../../bpf/btf/decode.ts";
import { type Encoded, encodeRaw, encodeValue } from "../../../bpf/btf/encode.ts";
import type { Btf } from "../../../bpf/btf/types.ts";
import { sample, typeNamed } from "./sample.ts";

const btf = sample();
const struct = (name: string) => typeNamed(btf, name === "either" ? "union" : "struct", name);

function bytesOf(encoded: Encoded): string {
  return encoded.kind === "bytes" ? Buffer.from(encoded.bytes).toString("hex") : JSON.stringify(encoded.problems);
}

function messages(encoded: Encoded): readonly string[] {
  if (encoded.kind === "bytes") return [];
  return encoded.problems.map(({ path, message, hint }) => `${path.join(".")}: ${message}${hint === null ? "" : ` (${hint})`}`);
}

/** What is written, its bytes, and what it is read back as. */
const values: readonly (readonly [type: string, value: unknown, bytes: string, canonical: Decoded])[] = [
  [
    "bits",
    { one: 7n, two: -16n, wide: "0xffffffffff", on: true, shade: "GREEN" },
    "87ffffffffff0b00",
    { one: 7n, two: -16n, wide: 0xff_ffff_ffffn, on: true, shade: "GREEN" },
  ],
  ["bits", new Map<unknown, unknown>([["shade", 9]]), "0000000000001200", { one: 0n, two: 0n, wide: 0n, on: false, shade: 9n }],
  ["lpm4", "10.0.0.0/8", "080000000a000000", "10.0.0.0/8"],
  ["lpm4", "10.1.2.3", "200000000a010203", "10.1.2.3/32"],
  ["lpm4", { prefixlen: 8, addr: "10.0.0.1" }, "080000000a000001", { prefixlen: 8n, addr: "10.0.0.1" }],
  ["lpm4_word", "192.0.2.0/24", "18000000c0000200", "192.0.2.0/24"],
  ["lpm_header", "192.0.2.0/24", "18000000c0000200", "192.0.2.0/24"],
  ["lpm6", "2001:db8::/32", "2000000020010db8000000000000000000000000", "2001:db8::/32"],
  ["not_lpm", { count: 24, addr: "192.0.2.0" }, "18000000c0000200", { count: 24n, addr: "192.0.2.0" }],
  ["choice", { kind: 1, v4: "10.0.0.1" }, "010000000a000001000000000000000000000000", { kind: 1n, v4: "10.0.0.1" }],
  ["choice", { v6: "::1" }, "0000000000000000000000000000000000000001", { kind: 0n, v6: "::1" }],
  ["choice", { low: 1, high: 2 }, "0000000001000200000000000000000000000000", { kind: 0n, v4: "1.0.2.0" }],
  ["either", { a: 1n }, "01000000", { a: 1n }],
  ["either", { b: 256n }, "00010000", { b: 256n }],
  ["holed", { b: 1 }, "0000000001000000", { a: 0n, b: 1n }],
  ["holed", "hex:00ff000000000000", "00ff000000000000", "hex:00ff000000000000"],
  ["flexible", { n: 3, data: [] }, "03000000", { n: 3n }],
  ["in_addr", "10.0.0.1", "0a000001", "10.0.0.1"],
  ["in6_addr", { in6_u: { u6_addr16: [1, "0x203"] } }, "00010203000000000000000000000000", "1:203::"],
];
for (const [type, value, bytes, canonical] of values) {
  test(`encodeValue() and decodeValue() of ${type}: ${bytes}`, (t) => {
    const encoded = encodeValue(btf, struct(type), value);

    t.is(bytesOf(encoded), bytes);
    t.deepEqual(decodeValue(btf, struct(type), Buffer.from(bytes, "hex")), canonical);
  });
}

test("encodeValue() writes words in network order, from numbers and from text", (t) => {
  const id = struct("words");
  const numbers = encodeValue(btf, id, { port: 443, ip: 0x0a000001, far: 1n, four: { s_addr: "0x0a000001" }, halves: [1] });
  const texts = encodeValue(btf, id, { port: "443", ip: "10.0.0.1", far: "1", four: "10.0.0.1", halves: "1::" });

  t.deepEqual(numbers, texts);
  t.regex(bytesOf(numbers), /^01bb00000a000001/);
  t.deepEqual(decodeValue(btf, id, Buffer.from(bytesOf(numbers), "hex")), {
    port: 443n,
    ip: "10.0.0.1",
    far: 1n,
    four: "10.0.0.1",
    six: "::",
    raw6: "::",
    halves: "1::",
  });
});

test("encodeValue() writes every kind of member", (t) => {
  const value = {
    a: 2n ** 64n - 1n,
    b: -5n,
    c: "BLUE",
    in: { mac: "02:00:00:00:00:01", pad: 7n },
    name: "grüße",
    on: true,
    single: 1.5,
    twice: -0.1,
    blob: "hex:010203",
    small: [-1n, 127n],
    wide: -(2n ** 127n),
    ports: [80n, 443n, 0n, 0n],
    where: 0n,
    matrix: ["02:00:00:00:00:01", "00:00:00:00:00:00"],
    list: [
      { a: 1n, b: 2n },
      { a: 0n, b: 0n },
    ],
  };

  const encoded = encodeValue(btf, struct("all"), value);

  t.is(encoded.kind, "bytes");
  t.deepEqual(decodeValue(btf, struct("all"), Buffer.from(bytesOf(encoded), "hex")), value);
});

test("encodeValue() reports everything that is wrong at once", (t) => {
  const value = {
    a: 2n ** 64n,
    b: 1n << 31n,
    c: "BLU",
    in: { mac: "02:00", pad: 300.5, x: 1 },
    name: "much too long",
    on: "yes",
    single: 1e300,
    twice: "x",
    blob: "hex:0102",
    small: [200, "10.0.0.1"],
    wide: null,
    ports: [1, 2, 3, 4, 5],
    where: true,
    matrix: 5,
    list: "none",
    namee: 1,
  };
  t.deepEqual(messages(encodeValue(btf, struct("all"), value, ["maps", "ctl"])), [
    "maps.ctl.a: Value 18446744073709551616 does not fit an unsigned 64-bit integer: 0 to 18446744073709551615",
    "maps.ctl.b: Value 2147483648 does not fit a signed 32-bit integer: -2147483648 to 2147483647",
    'maps.ctl.c: Unknown value "BLU" of enum color: expected "RED", "GREEN" or "BLUE" (did you mean "BLUE"?)',
    'maps.ctl.in.mac: Value "02:00" is not a MAC address like "02:00:5e:10:00:01"',
    "maps.ctl.in.pad: Value 300.5 is not an unsigned 16-bit integer: 0 to 65535",
    'maps.ctl.in.x: Unknown member "x" of struct inner: expected "mac" or "pad"',
    'maps.ctl.name: Text "much too long" has 13 bytes, the type 8',
    'maps.ctl.on: Value "yes" is not a boolean (write true or false)',
    "maps.ctl.single: Value 1e+300 does not fit a float of 4 bytes",
    'maps.ctl.twice: Value "x" is not a number',
    'maps.ctl.blob: Value "hex:0102" has 2 bytes, the type 3',
    "maps.ctl.small.0: Value 200 does not fit a signed 8-bit integer: -128 to 127",
    'maps.ctl.small.1: Value "10.0.0.1" is not a signed 8-bit integer: -128 to 127 (an address as text needs a type in network order, such as __be32, or bytes)',
    "maps.ctl.wide: Value null is not a signed 128-bit integer: -170141183460469231731687303715884105728 to 170141183460469231731687303715884105727",
    "maps.ctl.ports: List of 5 items does not fit: at most 4",
    "maps.ctl.where: Value true is not an unsigned 64-bit integer: 0 to 18446744073709551615",
    "maps.ctl.matrix: Value 5 is not a list of at most 2 items",
    'maps.ctl.list: Value "none" is not a list of at most 2 items',
    'maps.ctl.namee: Unknown member "namee" of struct all: expected "a", "b", "c", "in", "name", "on", "single", "twice", … (did you mean "name"?)',
  ]);
});

const refusals: readonly (readonly [type: string, value: unknown, message: string])[] = [
  ["lpm4", "10.0.0.1/8", ': Prefix "10.0.0.1/8" has bits set beyond its length (did you mean "10.0.0.0/8"?)'],
  ["lpm4", "::/0", ': Value "::/0" is not an IPv4 prefix like "10.0.0.0/8"'],
  ["lpm6", "10.0.0.0/8", ': Value "10.0.0.0/8" is not an IPv6 prefix like "2001:db8::/32"'],
  ["lpm4", [1], ": Value a list is not a mapping of struct lpm4"],
  ["in_addr", "10.0.0", ': Value "10.0.0" is not an IPv4 address like "192.0.2.1"'],
  ["in6_addr", "10.0.0.1", ': Value "10.0.0.1" is not an IPv6 address like "2001:db8::1" (write "::ffff:10.0.0.1" for an IPv4 address)'],
  ["in6_addr", "x", ': Value "x" is not an IPv6 address like "2001:db8::1"'],
  ["either", { a: 1, b: 2 }, 'b: Members "a" and "b" share their bytes: give one of them'],
  ["choice", { high: 1, low: 1, v4: "1.2.3.4" }, 'v4: Members "high" and "v4" share their bytes: give one of them'],
  ["bits", { one: 8 }, "one: Value 8 does not fit an unsigned 3-bit integer: 0 to 7"],
  ["bits", { on: 2 }, "on: Value 2 does not fit a boolean: true or false"],
  ["bits", { shade: 16 }, "shade: Value 16 does not fit an unsigned 4-bit integer: 0 to 15"],
  ["bits", { shade: [] }, 'shade: Unknown value a list of enum color: expected "RED", "GREEN" or "BLUE"'],
  ["bits", { wide: 1e20 }, "wide: Value 100000000000000000000 is not an unsigned 40-bit integer: 0 to 1099511627775"],
  ["all", { name: "a\0b" }, 'name: Text "a\\u0000b" has a NUL byte in it'],
  ["all", { blob: "abc" }, 'blob: Value "abc" is not bytes in hexadecimal (write 3 bytes as "hex:000000")'],
  ["all", { in: "hex:0g" }, 'in: Value "hex:0g" is not bytes in hexadecimal (write 8 bytes as "hex:00000000…")'],
  ["all", { in: null }, "in: Value null is not a mapping of struct inner"],
  ["all", { in: {}, ports: { 0: 1 } }, "ports: Value a mapping is not a list of at most 4 items"],
];
for (const [type, value, message] of refusals) {
  test(`encodeValue() refuses ${message}`, (t) => t.deepEqual(messages(encodeValue(btf, struct(type), value)), [message]));
}

test("encodeValue() throws for types without a layout", (t) => {
  const forward = typeNamed(btf, "forward", "undefined");
  t.throws(() => encodeValue(btf, forward, 1), { instanceOf: BtfError, message: `BTF type ${forward} has no size: it leads to a forward` });
  t.throws(() => encodeValue(btf, 100_000, 1), { instanceOf: BtfError, message: /^BTF has no type 100000, the last one is \d+$/ });
});

test("decodeValue() throws for another number of bytes", (t) => {
  const id = struct("lpm4");
  t.throws(() => decodeValue(btf, id, new Uint8Array(7)), { instanceOf: BtfError, message: `BTF type ${id} has 8 bytes, the value 7` });
});

test("encodeFloat() leaves sizes that JavaScript does not have to hexadecimal", (t) => {
  const half: Btf = { types: [{ kind: "void" }, { kind: "float", name: "_Float16", size: 2 }] };
  t.deepEqual(messages(encodeValue(half, 1, 1.5)), [': Value 1.5 cannot be written as a float of 2 bytes (write "hex:…")']);
  t.is(bytesOf(encodeValue(half, 1, "hex:003e")), "003e");
  t.is(decodeValue(half, 1, Uint8Array.of(0, 0x3e)), "hex:003e");
});

test("encodeRaw() takes integers of 1, 2, 4 and 8 bytes, and bytes in hexadecimal", (t) => {
  t.is(bytesOf(encodeRaw(4, 258n)), "02010000");
  t.is(bytesOf(encodeRaw(8, "0xffffffffffffffff")), "ffffffffffffffff");
  t.is(bytesOf(encodeRaw(2, "hex:0102")), "0102");
  t.is(bytesOf(encodeRaw(3, "hex:010203")), "010203");
  t.deepEqual(messages(encodeRaw(1, 256, ["k"])), ["k: Value 256 does not fit an unsigned 8-bit integer: 0 to 255"]);
  t.deepEqual(messages(encodeRaw(3, 1)), [': Value 1 is not bytes in hexadecimal (write 3 bytes as "hex:000000")']);
  t.deepEqual(messages(encodeRaw(2, "hex:010203")), [': Value "hex:010203" has 3 bytes, the type 2']);
});
