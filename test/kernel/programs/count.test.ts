// SPDX-License-Identifier: Apache-2.0
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, icmp, icmpv6, ipv4, ipv6, ipv6Extension, ipv6Fragment, type Layer, raw, tcp, udp, vlan } from "../../lab/packet.ts";
import { type LoadedFilter, loadFilter } from "./load-filter.ts";

const frame = (layer: Layer): Uint8Array => ethernet({}, layer);
const arp = frame(raw(0x0806, new Uint8Array(46)));
const sized = (length: number): Uint8Array => frame(ipv4({}, udp({ payload: new Uint8Array(length - 42) })));

/** Packets by the names of the filter's reasons; those that are zero are left out. */
async function counted(filter: LoadedFilter): Promise<Readonly<Record<string, number>>> {
  const words = await filter.sums("counters", 0);
  const cells = (filter.step.reasons?.cells ?? []).map(({ name, offset }) => [name, words[offset / 8] as number] as const);
  return Object.fromEntries(cells.filter(([, packets]) => packets > 0));
}

for (const hook of ["xdp", "tc-ingress", "tc-egress"] as const) {
  kernelTest(`count at ${hook}: packets and bytes by protocol and IP version`, async (t, lab) => {
    const filter = await loadFilter(lab.kernel, lab.root, "count", { by: ["protocol"] }, { hook });
    const packets = [
      arp,
      frame(ipv4({}, tcp({}))),
      frame(ipv4({ options: new Uint8Array(8) }, udp({}))),
      frame(ipv4({}, icmp({}))),
      frame(ipv4({}, raw(47, new Uint8Array(26)))),
      frame(ipv6({}, tcp({}))),
      frame(ipv6({}, ipv6Extension({ type: 0 }, ipv6Extension({ type: 60 }, udp({}))))),
      frame(ipv6({}, icmpv6({}))),
      frame(ipv6({}, raw(47, new Uint8Array(8)))),
      frame(vlan({ id: 5, outer: true }, vlan({ id: 6 }, ipv4({}, tcp({}))))),
      frame(vlan({ id: 5 }, ipv6({}, tcp({})))),
      frame(ipv4({ fragmentOffset: 185 }, udp({}))),
      frame(ipv6({}, ipv6Fragment({ offset: 100 }, tcp({})))),
      frame(ipv4({}, tcp({}))).slice(0, 44),
    ];

    const verdicts = [];
    for (const packet of packets) verdicts.push(await filter.verdict(packet));

    t.deepEqual([...new Set(verdicts)], ["pass"]);
    t.deepEqual(await counted(filter), {
      all: 14,
      malformed: 1,
      "a later fragment": 2,
      tagged: 2,
      "not IP": 1,
      "TCP over IPv4": 2,
      "TCP over IPv6": 3,
      "UDP over IPv4": 2,
      "UDP over IPv6": 1,
      "ICMP over IPv4": 1,
      "ICMP over IPv6": 1,
      "other over IPv4": 1,
      "other over IPv6": 1,
    });
    const words = await filter.sums("counters", 0);
    t.is(
      words[1],
      packets.reduce((sum, packet) => sum + packet.length, 0),
    );
  });
}

kernelTest("count by length: both ends of every class", async (t, lab) => {
  const filter = await loadFilter(lab.kernel, lab.root, "count", { by: ["size"] });
  const lengths = [60, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024, 1518, 1519, 3000];

  for (const length of lengths) await filter.run(sized(length));

  t.deepEqual(await counted(filter), {
    all: 14,
    "up to 64 bytes": 2,
    "65 to 127 bytes": 2,
    "128 to 255 bytes": 2,
    "256 to 511 bytes": 2,
    "512 to 1023 bytes": 2,
    "1024 to 1518 bytes": 2,
    "1519 to 9018 bytes": 2,
  });
});

interface Keys {
  readonly keys: readonly string[];
  readonly more?: object;
  /** Frames, and how many of each key are seen, most first. */
  readonly frames: readonly Uint8Array[];
  readonly counts: readonly number[];
}

const udpFrom = (src: string, to: number): Uint8Array => frame(ipv4({ src }, udp({ from: 9, to })));
const from6 = (src: string): Uint8Array => frame(ipv6({ src }, udp({})));
const keyCases: readonly Keys[] = [
  { keys: ["src"], frames: [udpFrom("10.0.0.1", 1), udpFrom("10.0.0.1", 2), udpFrom("10.0.0.2", 1)], counts: [2, 1] },
  { keys: ["src"], more: { src_prefix4: 24 }, frames: [udpFrom("10.0.0.1", 1), udpFrom("10.0.0.2", 1)], counts: [2] },
  { keys: ["src"], frames: [from6("2001:db8::1"), from6("2001:db8::2"), from6("2001:db8:0:1::1")], counts: [2, 1] },
  { keys: ["dport"], frames: [udpFrom("10.0.0.1", 1), udpFrom("10.0.0.2", 1), udpFrom("10.0.0.1", 2)], counts: [2, 1] },
  { keys: ["src", "dport"], frames: [udpFrom("10.0.0.1", 1), udpFrom("10.0.0.2", 1), udpFrom("10.0.0.1", 2)], counts: [1, 1, 1] },
  { keys: ["protocol"], frames: [udpFrom("10.0.0.1", 1), frame(ipv4({}, tcp({}))), arp, arp], counts: [2, 1, 1] },
  { keys: ["dst"], frames: [frame(ipv4({ dst: "10.0.0.9" }, udp({}))), frame(ipv6({ dst: "::9" }, udp({})))], counts: [1, 1] },
  { keys: ["sport"], frames: [frame(ipv4({}, udp({ from: 53 }))), frame(ipv4({}, tcp({ from: 53 })))], counts: [2] },
  {
    keys: ["vlan"],
    frames: [frame(vlan({ id: 4 }, ipv4({}, udp({})))), udpFrom("10.0.0.1", 1), frame(vlan({ id: 4 }, raw(0x0806, new Uint8Array(46))))],
    counts: [2, 1],
  },
];

for (const [index, { keys, more = {}, frames, counts }] of keyCases.entries()) {
  kernelTest(`count by ${keys.join(" and ")}, case ${index + 1}: ${frames.length} packets, ${counts.length} keys`, async (t, lab) => {
    const filter = await loadFilter(lab.kernel, lab.root, "count", { keys, ...more });

    for (const packet of frames) await filter.run(packet);

    t.deepEqual(await packetsPerKey(filter), counts);
    t.is((await counted(filter))["new key"], counts.length);
  });
}

kernelTest("count keeps no keys of malformed packets, and forgets the oldest of too many", async (t, lab) => {
  const filter = await loadFilter(lab.kernel, lab.root, "count", { keys: ["src"], max_keys: 1024 });
  await filter.run(frame(ipv4({}, tcp({}))).slice(0, 30));

  t.deepEqual(await packetsPerKey(filter), []);

  for (let index = 0; index < 2000; index++) await filter.run(udpFrom(`10.0.${index >> 8}.${index & 255}`, 1));
  const { all, malformed, "new key": newKeys } = await counted(filter);
  t.deepEqual({ all, malformed, newKeys }, { all: 2001, malformed: 1, newKeys: 2000 });
  t.true((await filter.entries("keys")).count <= 1024);
});

async function packetsPerKey(filter: LoadedFilter): Promise<readonly number[]> {
  const { values, valueSize, count } = await filter.entries("keys");
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const sums = Array.from({ length: count }, (_, entry) => {
    let sum = 0n;
    for (let at = 0; at < valueSize; at += 16) sum += view.getBigUint64(entry * valueSize + at, true);
    return Number(sum);
  });
  return sums.sort((a, b) => b - a);
}
