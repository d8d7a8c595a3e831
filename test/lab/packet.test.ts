// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { checksum, ethernet, icmp, icmpv6, ipv4, ipv6, ipv6Extension, ipv6Fragment, raw, tcp, udp, vlan } from "./packet.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("ethernet() of a UDP packet is what goes over a wire", (t) => {
  const frame = ethernet(
    {},
    ipv4({ src: "192.168.0.1", dst: "192.168.0.199", id: 1 }, udp({ from: 1234, to: 53, payload: Buffer.from("hi") })),
  );

  t.is(hex(frame.subarray(0, 24)), "020000000002" + "020000000001" + "0800" + "4500001e000100004011");
  t.is(hex(frame.subarray(26, 40)), "c0a80001c0a800c7" + "04d20035000a");
  t.is(hex(frame.subarray(42)), "6869".padEnd(36, "0"));
  t.is(checksum(frame.subarray(14, 34)), 0, "the header with its checksum sums to nothing");
  const pseudo = Buffer.concat([frame.subarray(26, 34), Buffer.from([0, 17, 0, 10])]);
  t.is(checksum(Buffer.concat([pseudo, frame.subarray(34, 44)])), 0);
});

test("checksums of TCP, ICMP and ICMPv6 sum to nothing", (t) => {
  const segment = ethernet({}, ipv6({}, tcp({ payload: Buffer.from("odd") }))).subarray(54, 77);
  const pseudo = (next: number, length: number, frame: Uint8Array) =>
    Buffer.concat([frame.subarray(22, 54), Buffer.from([0, 0, 0, length, 0, 0, 0, next])]);
  const tcpFrame = ethernet({}, ipv6({}, tcp({ payload: Buffer.from("odd") })));
  const echo = ethernet({}, ipv4({}, icmp({}))).subarray(34, 42);
  const echo6 = ethernet({}, ipv6({}, icmpv6({})));

  t.is(checksum(Buffer.concat([pseudo(6, 23, tcpFrame), segment])), 0);
  t.is(checksum(echo), 0);
  t.is(checksum(Buffer.concat([pseudo(58, 8, echo6), echo6.subarray(54, 62)])), 0);
});

test("layers tell the layer outside what they are", (t) => {
  const tagged = ethernet({}, vlan({ id: 7, outer: true }, vlan({ id: 300, priority: 2 }, ipv4({}, udp({})))));
  t.is(hex(tagged.subarray(12, 22)), "88a80007" + "8100412c" + "0800");

  const long = ethernet(
    {},
    ipv6({}, ipv6Extension({ type: 0 }, ipv6Fragment({ offset: 2, more: true, id: 9 }, raw(17, Buffer.from("xx"))))),
  );
  t.is(hex(long.subarray(14, 22)), "60000000" + "0012" + "0040");
  t.is(hex(long.subarray(54, 72)), "2c00010400000000" + "1100001100000009" + "7878");

  const fragment = ethernet({}, ipv4({ fragmentOffset: 3, moreFragments: true, options: Buffer.alloc(4) }, udp({})));
  t.is(hex(fragment.subarray(14, 15)), "46");
  t.is(hex(fragment.subarray(20, 22)), "2003");
});
