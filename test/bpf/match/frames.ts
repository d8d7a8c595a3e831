// SPDX-License-Identifier: Apache-2.0
import { randomPacket } from "../../corpus/packets.ts";
import { seededRandom } from "../../corpus/random.ts";
import { ethernet, icmp, icmpv6, ipv4, ipv6, raw, tcp, udp, vlan } from "../../lab/packet.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const macs = "020000000002 020000000001";
const ip = Buffer.from(ethernet({}, ipv4({ src: "10.1.2.3", dst: "192.0.2.1" }, tcp({ from: 40_000, to: 80, flags: 2 }))).subarray(14));
const arp = "0001 0800 0604 0001 020000000001 0a010203 000000000000 c0000201";

/** Frames that chance would not make. */
const special: readonly Uint8Array[] = [
  hex(`${macs} 0806 ${arp}`),
  hex(`ffffffffffff 020000000001 8035 ${arp.replace("0604 0001", "0604 0003")}`),
  hex(`ffffffffffff 020000000001 0806 ${arp.replace("0604 0001", "0604 0002")}`),
  hex(`0180c2000000 020000000001 0026 4242 03 ${"00".repeat(35)}`),
  hex(`${macs} 0008 aaaa03 080007809b`.padEnd(120, "0")),
  hex(`${macs} 0020 fefe03 83 1b0100 ${"14".repeat(25)}`),
  hex(`${macs} 0020 fefe03 82 ${"02".repeat(28)}`),
  hex(`${macs} 0020 e0e003 ffff ${"00".repeat(27)}`),
  hex(`${macs} 0020 f0f07f ${"00".repeat(29)}`),
  hex(`${macs} 0020 f0f00100 ${"00".repeat(28)}`),
  hex(`${macs} 0020 aaaa03 0000f8 80f3 ${"00".repeat(24)}`),
  ...["6000", "6001", "6002", "6003", "6004", "6007", "809b", "80f3", "8137"].map((type) => hex(`${macs} ${type} 2200 ${"02".repeat(44)}`)),
  hex(`${macs} 8847 00400140 ${ip.toString("hex")}`),
  hex(`${macs} 8847 00064040 000c8140 ${ip.toString("hex")}`),
  hex(`${macs} 8863 1109 0000 0004 01010000 ${"00".repeat(36)}`),
  hex(`${macs} 8864 1100 0027 0030 0021 ${ip.toString("hex")}`),
  hex(`${macs} 8864 1100 0028 0030 0057 60000000 ${"00".repeat(40)}`),
  ethernet({}, ipv4({}, udp({ from: 5000, to: 6081, payload: hex(`0000 6558 00000b00 ${macs} 0800 ${ip.toString("hex")}`) }))),
  ...[2, 9, 47, 50, 51, 89, 103, 112, 132].flatMap((protocol) => [
    ethernet({}, ipv4({ src: "10.1.2.3" }, raw(protocol, hex("0050005000000000 0000000000000000")))),
    ethernet({}, ipv6({ src: "2001:db8::2" }, raw(protocol, hex("0050005000000000 0000000000000000")))),
  ]),
  ethernet({ dst: "ff:ff:ff:ff:ff:ff" }, ipv4({ dst: "255.255.255.255" }, udp({ from: 68, to: 67 }))),
  ethernet({ dst: "01:00:5e:00:00:01" }, ipv4({ dst: "224.0.0.1", ttl: 1 }, raw(2, hex("1100eeff00000000")))),
  ethernet({ dst: "33:33:00:00:00:01" }, ipv6({ src: "fe80::1", dst: "ff02::1" }, icmpv6({ type: 135 }))),
  ethernet({}, vlan({ id: 7 }, ipv4({}, tcp({ from: 1024, to: 80, flags: 18 })))),
  ethernet({}, vlan({ id: 7, outer: true }, vlan({ id: 300 }, ipv4({}, udp({ from: 53, to: 53 }))))),
  ethernet({}, vlan({ id: 300 }, vlan({ id: 7 }, ipv6({}, tcp({ from: 80, to: 443 }))))),
  ethernet({}, ipv4({ options: Buffer.alloc(40) }, tcp({ from: 443, to: 22, flags: 63 }))),
  ethernet({}, ipv4({}, tcp({ from: 40_000, to: 80, flags: 24, payload: Buffer.from("GET / HTTP/1.1\r\n\r\n") }))),
  ...[0, 3, 5, 8, 11].map((type) => ethernet({}, ipv4({}, icmp({ type })))),
  ...[1, 127, 128, 253, 254, 255].map((ttl) =>
    ethernet({}, ipv4({ ttl, src: "10.200.0.1", dst: "10.200.0.1" }, udp({ from: 19, to: 53 }))),
  ),
];

/** Special frames, each also cut off in its headers, and random ones. The same seed gives the same. */
export function manyFrames(seed: number, count: number): readonly Uint8Array[] {
  const random = seededRandom(seed);
  const cut = special.map((frame) => frame.slice(0, 14 + random.below(Math.min(frame.length - 14, 60))));
  return [...special, ...cut, ...Array.from({ length: count }, () => randomPacket(random))];
}
