// SPDX-License-Identifier: Apache-2.0
import { isIPv4, isIPv6 } from "node:net";
import test from "ava";
import fc from "fast-check";
import {
  addressSize,
  hasHostBits,
  maskAddress,
  parseCidr,
  parseCidrBytes,
  parseIpv4,
  parseIpv6,
  parseMac,
  prefixOf,
} from "../../../bpf/btf/address.ts";
import { printAddress, printCidr } from "../../../bpf/btf/print-address.ts";

const nearlyIpv4 = fc.stringMatching(/^[0-9]{1,4}(\.[0-9]{1,3}){2,4}\.?$/);
const nearlyIpv6 = fc
  .array(fc.constantFrom("0", "1", "f", "aB3", "::", ":", ":", "12345", "1.2.3.4", "g"), { maxLength: 18 })
  .map((parts) => parts.join(""));

test("parseIpv4() takes what node:net takes, without leading zeros", (t) => {
  fc.assert(
    fc.property(fc.oneof(nearlyIpv4, fc.ipV4()), (text) => t.is(parseIpv4(text) !== null, isIPv4(text), text)),
    { numRuns: 2000 },
  );
});

test("parseIpv6() takes what node:net takes", (t) => {
  fc.assert(
    fc.property(fc.oneof(nearlyIpv6, fc.ipV6()), (text) => t.is(parseIpv6(text) !== null, isIPv6(text), text)),
    { numRuns: 5000 },
  );
});

test("printAddress() of any address is read back as the same", (t) => {
  const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes));
  fc.assert(
    fc.property(fc.oneof(sparse, fc.uint8Array({ minLength: 16, maxLength: 16 })), (address) =>
      t.deepEqual(parseIpv6(printAddress(address)), address),
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (address) => t.deepEqual(parseIpv4(printAddress(address)), address)),
  );
  fc.assert(fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (address) => t.deepEqual(parseMac(printAddress(address)), address)));
});

const rfc5952: readonly (readonly [string, string])[] = [
  ["2001:0DB8::0001", "2001:db8::1"],
  ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["1::", "1::"],
  ["::ffff:c000:201", "::ffff:192.0.2.1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
];
for (const [written, printed] of rfc5952) {
  test(`printAddress() follows RFC 5952: ${written}`, (t) => t.is(printAddress(parseIpv6(written) ?? new Uint8Array()), printed));
}

test("printAddress() prints what is no address as hexadecimal", (t) => t.is(printAddress(Uint8Array.of(1, 0xab)), "hex:01ab"));

test("parseMac() takes colons or hyphens, not both", (t) => {
  t.deepEqual(parseMac("02:00:5e:10:00:FF"), Uint8Array.of(2, 0, 0x5e, 0x10, 0, 255));
  t.deepEqual(parseMac("02-00-5e-10-00-ff"), Uint8Array.of(2, 0, 0x5e, 0x10, 0, 255));
  for (const text of ["02:00:5e:10:00", "02:00-5e:10:00:ff", "02:00:5e:10:00:ff:00", "2:0:5e:10:0:ff", ""])
    t.is(parseMac(text), null, text);
});

test("parseCidr() takes a prefix, and an address as its own prefix", (t) => {
  t.deepEqual(parseCidr("10.1.2.3/8"), { address: Uint8Array.of(10, 1, 2, 3), prefix: 8 });
  t.deepEqual(parseCidr("10.1.2.3"), { address: Uint8Array.of(10, 1, 2, 3), prefix: 32 });
  t.deepEqual(parseCidr("::/0"), { address: new Uint8Array(16), prefix: 0 });
  t.is(parseCidr("2001:db8::1")?.prefix, 128);
  for (const text of [
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/8/8",
    "10.0.0.0/+8",
    "::/129",
    "::/1000",
    "1.2.3/8",
    "/8",
    "",
    "１.2.3.4",
    "::1%lo/64",
  ]) {
    t.is(parseCidr(text), null, text);
  }
});

test("parseCidrBytes() reads a part of a buffer into a place of another", (t) => {
  const bytes = Buffer.from("x 192.0.2.0/24 2001:db8::/32 y");
  const out = new Uint8Array(20).fill(0xee);

  const four = parseCidrBytes(bytes, 2, 14, out, 2);
  t.deepEqual([addressSize(four), prefixOf(four), [...out.subarray(0, 7)]], [4, 24, [0xee, 0xee, 192, 0, 2, 0, 0xee]]);

  const sixteen = parseCidrBytes(bytes, 15, 28, out, 2);
  t.deepEqual([addressSize(sixteen), prefixOf(sixteen), out[18]], [16, 32, 0xee]);
  t.is(parseCidrBytes(bytes, 0, 14, out, 2), -1);
});

test("hasHostBits() says whether maskAddress() would change anything", (t) => {
  const cases = fc.tuple(fc.constantFrom(4, 16), fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(128), fc.boolean());
  fc.assert(
    fc.property(cases, ([size, bytes, length, mask]) => {
      const prefix = length % (size * 8 + 1);
      const address = mask ? maskAddress(bytes.slice(0, size), prefix) : bytes.slice(0, size);

      t.is(hasHostBits(Uint8Array.of(0xff, ...address), 1, size, prefix), Buffer.compare(maskAddress(address, prefix), address) !== 0);
    }),
  );
  t.deepEqual(maskAddress(Uint8Array.of(255, 255, 255, 255), 13), Uint8Array.of(255, 248, 0, 0));
});

test("printCidr() prints trie keys, and anything else as hexadecimal", (t) => {
  t.is(printCidr(Uint8Array.of(8, 0, 0, 0, 10, 0, 0, 0)), "10.0.0.0/8");
  t.is(printCidr(Uint8Array.of(128, 0, 0, 0, ...new Uint8Array(15), 1)), "::1/128");
  t.is(printCidr(Uint8Array.of(33, 0, 0, 0, 10, 0, 0, 0)), "hex:210000000a000000");
  t.is(printCidr(Uint8Array.of(8)), "hex:08");
});
