// SPDX-License-Identifier: Apache-2.0

import { kernelTest } from "../../lab/kernel-test.ts";
import {
  ethernet,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  ipv6Extension,
  ipv6Fragment,
  type Layer,
  raw,
  tcp,
  tcpFlags,
  udp,
  vlan,
} from "../../lab/packet.ts";
import { loadFilter } from "./load-filter.ts";

interface Case {
  readonly title: string;
  readonly with: object;
  readonly lists?: Readonly<Record<string, string>>;
  readonly drops: readonly Uint8Array[];
  readonly passes: readonly Uint8Array[];
}

const frame = (layer: Layer): Uint8Array => ethernet({}, layer);
const from4 = (src: string, payload: Layer = udp({ to: 53 })): Uint8Array => frame(ipv4({ src }, payload));
const from6 = (src: string, payload: Layer = udp({ to: 53 })): Uint8Array => frame(ipv6({ src }, payload));
const toPort = (port: number): Uint8Array => frame(ipv4({}, tcp({ to: port })));
const withFlags = (flags: number): Uint8Array => frame(ipv4({}, tcp({ flags })));
const arp = ethernet({}, raw(0x0806, new Uint8Array(28)));
const { syn, ack, fin, psh } = tcpFlags;

const cases: readonly Case[] = [
  {
    title: "a prefix is denied except one address and port",
    with: {
      rules: [
        { src: "192.168.1.10", protocol: "udp", dport: 53, action: "pass" },
        { src: "192.168.1.0/24", protocol: "udp", action: "drop" },
      ],
    },
    drops: [from4("192.168.1.11"), from4("192.168.1.10", udp({ to: 54 }))],
    passes: [from4("192.168.1.10"), from4("192.168.1.11", tcp({})), from4("192.168.2.1")],
  },
  {
    title: "sources of a list file are martians",
    with: { rules: [{ src: { file: "lists/bogons.txt" }, action: "drop" }] },
    lists: { "lists/bogons.txt": "# RFC 1918\n10.0.0.0/8 ; private\n\n172.16.0.0/12\r\n192.0.2.77\n2001:db8:bad::/48\n" },
    drops: [
      from4("10.255.0.1"),
      from4("172.31.255.255"),
      from4("192.0.2.77"),
      from6("2001:db8:bad:1::1"),
      frame(vlan({ id: 5 }, ipv4({ src: "10.0.0.1" }, udp({})))),
    ],
    passes: [from4("11.0.0.1"), from4("172.32.0.0"), from4("192.0.2.78"), from6("2001:db8:bae::1"), arp],
  },
  {
    title: "an IPv6 /64 and a single IPv6 address",
    with: { rules: [{ dst: ["2001:db8:0:7::/64", "2001:db8::99"], action: "drop" }] },
    drops: [frame(ipv6({ dst: "2001:db8:0:7::1" }, udp({}))), frame(ipv6({ dst: "2001:db8::99" }, icmpv6({})))],
    passes: [frame(ipv6({ dst: "2001:db8:0:8::1" }, udp({}))), frame(ipv6({ dst: "2001:db8::98" }, udp({}))), toPort(80)],
  },
  {
    title: "of overlapping prefixes the first rule decides, not the longest",
    with: {
      rules: [
        { src: "10.1.0.0/16", action: "pass" },
        { src: ["10.1.2.0/24", "10.0.0.0/8"], action: "drop" },
        { src: "10.9.9.9", action: "pass" },
      ],
    },
    drops: [from4("10.2.0.1"), from4("10.9.9.9")],
    passes: [from4("10.1.2.3"), from4("11.0.0.1")],
  },
  {
    title: "source and destination both have to match",
    with: { rules: [{ src: "10.0.0.0/8", dst: "10.5.0.0/16", action: "drop" }] },
    drops: [frame(ipv4({ src: "10.1.1.1", dst: "10.5.1.1" }, udp({})))],
    passes: [frame(ipv4({ src: "10.5.1.1", dst: "10.1.1.1" }, udp({}))), frame(ipv4({ src: "11.0.0.1", dst: "10.5.0.1" }, udp({})))],
  },
  {
    title: "default drop lets neighbours through and nothing else",
    with: { rules: [{ protocol: "tcp", dport: 22, action: "pass" }], default: "drop" },
    drops: [toPort(23), frame(ipv4({}, icmp({}))), frame(ipv6({}, icmpv6({ type: 128 }))), ethernet({}, raw(0x88cc, new Uint8Array(30)))],
    passes: [
      toPort(22),
      arp,
      frame(ipv6({}, icmpv6({ type: 135 }))),
      frame(ipv6({}, icmpv6({ type: 134 }))),
      frame(ipv4({}, udp({ from: 68, to: 67 }))),
      frame(ipv6({}, udp({ from: 547, to: 546 }))),
    ],
  },
  {
    title: "default drop without neighbours",
    with: { rules: [], default: "drop", allow_neighbour: false },
    drops: [arp, toPort(22), frame(ipv6({}, icmpv6({ type: 135 })))],
    passes: [],
  },
  {
    title: "both ends of a port range belong to it",
    with: { rules: [{ protocol: "tcp", dport: ["1000-1999", 65535], action: "drop" }] },
    drops: [toPort(1000), toPort(1999), toPort(65535)],
    passes: [toPort(999), toPort(2000), toPort(65534), toPort(0), frame(ipv4({}, udp({ to: 1500 })))],
  },
  {
    title: "source ports with TCP and UDP implied",
    with: { rules: [{ sport: [19, 123, "1900-1901"], action: "drop" }] },
    drops: [frame(ipv4({}, udp({ from: 123 }))), frame(ipv4({}, tcp({ from: 1900 }))), frame(ipv6({}, udp({ from: 19 })))],
    passes: [frame(ipv4({}, udp({ from: 124, to: 123 }))), frame(ipv4({}, icmp({})))],
  },
  {
    title: "TCP flags: exactly",
    with: {
      rules: [
        { flags: { exactly: ["syn", "fin"] }, action: "drop" },
        { flags: { exactly: [] }, action: "drop" },
      ],
    },
    drops: [withFlags(syn | fin), withFlags(0)],
    passes: [withFlags(syn), withFlags(syn | fin | ack)],
  },
  {
    title: "TCP flags: all and none",
    with: { rules: [{ flags: { all: ["syn"], none: ["ack"] }, action: "drop" }] },
    drops: [withFlags(syn), withFlags(syn | psh)],
    passes: [withFlags(syn | ack), withFlags(ack), frame(ipv4({}, udp({})))],
  },
  {
    title: "TCP flags: any",
    with: { rules: [{ flags: { any: ["fin", "psh"] }, action: "drop" }] },
    drops: [withFlags(fin), withFlags(psh | ack)],
    passes: [withFlags(syn), withFlags(ack)],
  },
  {
    title: "ICMP types of both families",
    with: {
      rules: [
        { icmp: 8, action: "drop" },
        { icmp6: ["128-129"], action: "drop" },
      ],
    },
    drops: [frame(ipv4({}, icmp({}))), frame(ipv4({}, icmp({ type: 8, code: 3 }))), frame(ipv6({}, icmpv6({ type: 129 })))],
    passes: [frame(ipv4({}, icmp({ type: 0 }))), frame(ipv6({}, icmpv6({ type: 2 }))), frame(ipv4({}, tcp({ to: 0x800 })))],
  },
  {
    title: "protocols by name and number",
    with: { rules: [{ protocol: ["gre", 99], action: "drop" }] },
    drops: [frame(ipv4({}, raw(47, new Uint8Array(8)))), frame(ipv6({}, raw(99, new Uint8Array(8))))],
    passes: [toPort(80), frame(ipv4({}, raw(98, new Uint8Array(8))))],
  },
  {
    title: "VLAN ids of the outermost tag",
    with: { rules: [{ vlan: [10, "20-29"], action: "drop" }] },
    drops: [
      frame(vlan({ id: 10 }, ipv4({}, udp({})))),
      frame(vlan({ id: 25, outer: true }, vlan({ id: 7 }, ipv4({}, udp({}))))),
      frame(vlan({ id: 10 }, raw(0x0806, new Uint8Array(28)))),
    ],
    passes: [
      frame(vlan({ id: 30 }, ipv4({}, udp({})))),
      frame(vlan({ id: 7, outer: true }, vlan({ id: 10 }, ipv4({}, udp({}))))),
      toPort(80),
      arp,
    ],
  },
  {
    title: "headers in front of the ports: IP options, two tags, extension headers",
    with: { rules: [{ dport: 53, action: "drop" }] },
    drops: [
      frame(ipv4({ options: new Uint8Array(40) }, udp({ to: 53 }))),
      frame(vlan({ id: 1, outer: true }, vlan({ id: 2 }, ipv6({}, udp({ to: 53 }))))),
      frame(ipv6({}, ipv6Extension({ type: 0 }, ipv6Extension({ type: 43, size: 24 }, ipv6Extension({ type: 60 }, udp({ to: 53 })))))),
      frame(ipv6({}, ipv6Fragment({ offset: 0, more: true }, udp({ to: 53 })))),
      frame(ipv6({}, authentication(udp({ to: 53 })))),
      frame(ipv6({}, nested(8, udp({ to: 53 })))),
    ],
    passes: [
      frame(ipv4({ fragmentOffset: 185 }, udp({ to: 53 }))),
      frame(ipv6({}, ipv6Fragment({ offset: 100 }, udp({ to: 53 })))),
      frame(ipv6({}, nested(9, udp({ to: 53 })))),
    ],
  },
  {
    title: "malformed packets pass by default",
    with: { rules: [{ action: "drop" }] },
    drops: [toPort(80), arp],
    passes: malformed(),
  },
  {
    title: "malformed packets can be dropped",
    with: { rules: [], on_malformed: "drop" },
    drops: malformed(),
    passes: [toPort(80), arp, from6("2001:db8::1")],
  },
  {
    title: "with drop-first a rule that drops decides before those that pass",
    with: {
      rules: [
        { src: "10.0.0.0/8", action: "pass" },
        { src: "10.1.0.0/16", dport: 53, action: "drop" },
        { dport: 54, action: "drop" },
      ],
      order: "drop-first",
      default: "drop",
    },
    drops: [from4("10.1.0.1"), from4("10.2.0.1", udp({ to: 54 })), from4("11.0.0.1")],
    passes: [from4("10.2.0.1"), from4("10.1.0.1", udp({ to: 55 }))],
  },
  {
    title: "a set is named by several rules, with a list file in it",
    with: {
      sets: { inside: ["10.0.0.0/8", { file: "lists/inside.txt" }] },
      rules: [
        { src: "@inside", dst: "@inside", action: "pass" },
        { src: ["@inside", "192.0.2.9"], action: "drop" },
      ],
    },
    lists: { "lists/inside.txt": "2001:db9::/32\n" },
    drops: [from4("10.0.0.1"), from6("2001:db9::1"), from4("192.0.2.9")],
    passes: [frame(ipv4({ src: "10.0.0.1", dst: "10.9.9.9" }, udp({}))), from4("192.0.2.8")],
  },
  {
    title: "ICMP types and codes",
    with: {
      rules: [
        { icmp: "3/4", action: "pass" },
        { icmp: ["3-5", "11/0"], action: "drop" },
        { icmp6: "1/3", action: "drop" },
      ],
    },
    drops: [
      frame(ipv4({}, icmp({ type: 3, code: 3 }))),
      frame(ipv4({}, icmp({ type: 11, code: 0 }))),
      frame(ipv6({}, icmpv6({ type: 1, code: 3 }))),
    ],
    passes: [
      frame(ipv4({}, icmp({ type: 3, code: 4 }))),
      frame(ipv4({}, icmp({ type: 11, code: 1 }))),
      frame(ipv6({}, icmpv6({ type: 1, code: 4 }))),
    ],
  },
  {
    title: "observing drops nothing",
    with: { rules: [{ action: "drop" }], default: "drop", mode: "observe" },
    drops: [],
    passes: [toPort(80), arp],
  },
];

for (const hook of ["xdp", "tc-ingress"] as const) {
  for (const { title, with: parameters, lists = {}, drops, passes } of cases) {
    kernelTest(`acl at ${hook}: ${title}`, async (t, lab) => {
      const filter = await loadFilter(lab.kernel, lab.root, "acl", parameters, { hook, lists });

      const dropped = await Promise.all(drops.map((packet) => filter.verdict(packet)));
      const passed = await Promise.all(passes.map((packet) => filter.verdict(packet)));

      t.deepEqual(
        dropped,
        drops.map(() => "drop"),
      );
      t.deepEqual(
        passed,
        passes.map(() => "pass"),
      );
    });
  }
}

kernelTest("acl takes a frame that ends within the IP header for malformed", async (t, lab) => {
  const filter = await loadFilter(lab.kernel, lab.root, "acl", { rules: [{ action: "pass" }], on_malformed: "drop" });
  const four = frame(ipv4({}, tcp({})));
  const six = frame(ipv6({}, tcp({})));
  const tagged = frame(vlan({ id: 1 }, ipv4({}, tcp({}))));

  const verdicts = await Promise.all([four.slice(0, 30), six.slice(0, 50), tagged.slice(0, 16)].map((cut) => filter.verdict(cut)));

  t.deepEqual(verdicts, ["drop", "drop", "drop"]);
});

kernelTest("acl counts what each rule, the default and the exceptions decided", async (t, lab) => {
  const parameters = {
    rules: [
      { dport: 1, action: "pass" },
      { dport: 2, action: "drop" },
    ],
    default: "drop",
    mode: "observe",
  };
  const filter = await loadFilter(lab.kernel, lab.root, "acl", parameters);

  for (const port of [1, 2, 2, 3]) await filter.run(toPort(port));
  await filter.run(arp);
  await filter.run(malformed()[0] as Uint8Array);

  t.deepEqual(await filter.sums("rules", 0), [1, 60]);
  t.deepEqual(await filter.sums("rules", 1), [2, 120]);
  t.deepEqual(await filter.sums("rules", 64), [1, 60]);
  t.deepEqual(await filter.sums("rules", 65), [1, 60]);
  t.deepEqual(await filter.sums("rules", 66), [1, 60]);
  t.deepEqual(await filter.sums("rules", 67), [3, 180]);
});

kernelTest("acl takes 64 rules with 500 ranges and 20,000 prefixes in each direction", async (t, lab) => {
  const rules = Array.from({ length: 64 }, (_, index) => ({
    src: { file: `lists/${index % 2}.txt` },
    dst: { file: "lists/0.txt" },
    dport: [index * 10 + 1, index * 10 + 3, index * 10 + 5],
    action: index === 63 ? "drop" : "pass",
  }));
  const list = (second: number): string =>
    Array.from({ length: 20_000 }, (_, index) => `${10 + second}.${index >> 8}.${index & 255}.0/${24 + (index % 9)}`).join("\n");
  const filter = await loadFilter(lab.kernel, lab.root, "acl", { rules }, { lists: { "lists/0.txt": list(0), "lists/1.txt": list(1) } });

  const from = (src: string, port: number): Uint8Array => frame(ipv4({ src, dst: "10.1.1.0" }, tcp({ to: port })));

  t.is(await filter.verdict(from("11.0.9.0", 633)), "drop");
  t.is(await filter.verdict(from("11.0.9.0", 632)), "pass");
  t.is(await filter.verdict(from("10.0.9.0", 633)), "pass");
});

kernelTest("acl marks packets at tc for what comes behind it, and lets them go on", async (t, lab) => {
  const source = `
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
SEC("tc") int drop_marked(struct __sk_buff *skb) { return skb->mark == 4000000000 ? TC_ACT_SHOT : TC_ACT_UNSPEC; }
char LICENSE[] SEC("license") = "GPL";`;
  const then = { object: lab.compile(source, "drop-marked"), function: "drop_marked" };
  const rules = [
    { src: "10.0.0.0/8", protocol: "udp", action: "mark", mark: 4_000_000_000 },
    { src: "10.0.0.0/8", action: "mark", mark: 1 },
  ];
  const enforcing = await loadFilter(lab.kernel, lab.root, "acl", { rules }, { hook: "tc-ingress", then });
  const observing = await loadFilter(lab.kernel, lab.root, "acl", { rules, mode: "observe" }, { hook: "tc-ingress", then });
  const packets = [from4("10.0.0.1"), from4("10.0.0.1", tcp({})), from4("11.0.0.1")];

  t.deepEqual(await Promise.all(packets.map((packet) => enforcing.verdict(packet))), ["drop", "pass", "pass"]);
  t.deepEqual(await Promise.all(packets.map((packet) => observing.verdict(packet))), ["pass", "pass", "pass"]);

  t.deepEqual(await enforcing.sums("rules", 0), [1, 60]);
  t.deepEqual(await enforcing.sums("rules", 1), [1, 60]);
});

/** Cut off in each header, and contradicting themselves. */
function malformed(): Uint8Array[] {
  const four = frame(ipv4({ src: "10.0.0.1" }, tcp({})));
  const six = frame(ipv6({}, ipv6Extension({ type: 0 }, tcp({}))));
  const shortHeader = four.slice();
  shortHeader[14] = 0x44;
  const wrongVersion = four.slice();
  wrongVersion[14] = 0x65;
  return [shortHeader, wrongVersion, four.slice(0, 40), six.slice(0, 58), six.slice(0, 70)];
}

function nested(count: number, inner: Layer): Layer {
  return count === 0 ? inner : ipv6Extension({ type: 60 }, nested(count - 1, inner));
}

/** An authentication header, whose length counts other units than those of its neighbours. */
function authentication(payload: Layer): Layer {
  return { type: 51, bytes: (pseudo) => Buffer.concat([Buffer.from([payload.type, 4, 0, 0]), Buffer.alloc(20), payload.bytes(pseudo)]) };
}
