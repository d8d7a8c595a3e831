// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { describePacket } from "../../../bpf/packets/describe-packet.ts";
import { checksum, ethernet, ipv4, ipv6, ipv6Fragment, raw, tcp, tcpFlags, udp, vlan } from "../../../bpf/packets/layers.ts";
import { parsePacket } from "../../../bpf/packets/parse-packet.ts";

function bytesOf(text: string): Uint8Array {
  const parsed = parsePacket(text);
  if (parsed.kind === "wrong") throw new Error(parsed.message);
  return parsed.bytes;
}

const same = test.macro<[string, Uint8Array]>({
  title: (_, text) => text,
  exec(t, text, expected) {
    t.deepEqual(Buffer.from(bytesOf(text)).toString("hex"), Buffer.from(expected).toString("hex"));
  },
});

test(same, "ip src 10.0.0.1/tcp dport 443 flags S", ethernet({}, ipv4({ src: "10.0.0.1" }, tcp({ to: 443, flags: tcpFlags.syn }))));
test(
  same,
  "eth src 02:00:00:00:00:09/vlan id 100 prio 3/ip ttl 1 df/udp sport 1 dport 2/payload hex 474554",
  ethernet(
    { src: "02:00:00:00:00:09" },
    vlan({ id: 100, priority: 3 }, ipv4({ ttl: 1, dontFragment: true }, udp({ from: 1, to: 2, payload: Buffer.from("GET") }))),
  ),
);
test(
  same,
  "ip6 dst 2001:db8::9/fragment offset 185 more/payload zeros 16",
  ethernet({}, ipv6({ dst: "2001:db8::9" }, ipv6Fragment({ offset: 185, more: true }, raw(253, new Uint8Array(16))))),
);

test("IP in IP has the numbers of its protocols, and right checksums in both headers", (t) => {
  const frame = bytesOf("ip src 10.0.0.1/ip6 src 2001:db8::1/udp dport 53");
  t.is(frame[14 + 9], 41);
  t.is(checksum(frame.subarray(14, 34)), 0);
  t.is(frame[34 + 6], 17);
});

const described = test.macro<[string, string]>({
  title: (_, text) => `describePacket() of ${text}`,
  exec(t, text, words) {
    t.is(describePacket(bytesOf(text)), words);
  },
});

test(described, "ip src 10.0.0.1 dst 192.0.2.1/tcp sport 4000 dport 443 flags S", "IP 10.0.0.1.4000 > 192.0.2.1.443: Flags [S], length 60");
test(described, "ip/tcp sport 1 dport 2 flags PA", "IP 192.0.2.1.1 > 198.51.100.1.2: Flags [P.], length 60");
test(
  described,
  "qinq id 7/vlan id 100/ip6 src 2001:db8::1 dst 2001:db8::2/hopopts/udp sport 5 dport 53",
  "vlan 7, vlan 100, IP6 2001:db8::1.5 > 2001:db8::2.53: UDP, length 78",
);
test(described, "ip/icmp type 3 code 4", "IP 192.0.2.1 > 198.51.100.1: ICMP type 3 code 4, length 60");
test(described, "arp src 10.0.0.1 dst 10.0.0.2", "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 60");
test(described, "ip frag 100/payload zeros 8", "IP 192.0.2.1 > 198.51.100.1: fragment at 800, length 60");
test(described, "eth type 0x88cc/payload zeros 4", "ethertype 0x88cc, length 60");

test("describePacket() takes every beginning of a packet", (t) => {
  const frame = bytesOf("vlan id 1/ip6/hopopts/fragment/tcp dport 80/payload zeros 10");
  for (let length = 0; length <= frame.length; length++) t.regex(describePacket(frame.subarray(0, length)), /, length \d+$/);
});

test("a wrong word is pointed at", (t) => {
  const text = "ip src 10.0.0.1/tcp dprt 80";
  const parsed = parsePacket(text);
  t.like(parsed, { kind: "wrong", hint: 'did you mean "dport"?' });
  if (parsed.kind === "wrong") t.is(text.slice(parsed.start, parsed.end), "dprt");
});
