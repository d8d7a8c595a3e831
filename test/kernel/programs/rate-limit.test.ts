// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, icmp, ipv4, ipv6, ipv6Extension, ipv6Fragment, type Layer, tcp, tcpFlags, udp, vlan } from "../../lab/packet.ts";
import { type ClockedFilter, clockedFilter } from "./clocked-filter.ts";
import { type LoadedFilter, loadFilter, renderStep } from "./load-filter.ts";

const second = 1_000_000_000n;
/** Any time that is not the start of a window. */
const start = 1_000n * second;

const clocked = (lab: Lab, parameters: object, hook: HookKind = "xdp"): Promise<ClockedFilter> =>
  clockedFilter(lab, "rate-limit", parameters, start, { hook });

const frame = (layer: Layer): Uint8Array => ethernet({}, layer);
const client = { src: "192.168.1.1", dst: "10.200.1.1" };
const synTo = (port: number, flags: number = tcpFlags.syn): Uint8Array => frame(ipv4(client, tcp({ from: 31337, to: port, flags })));
const times = <T>(count: number, item: T): T[] => new Array<T>(count).fill(item);
const udpFrom = (src: string, to = 53, from = 40_000): Uint8Array => frame(ipv4({ src }, udp({ from, to })));

/** What `counters` holds, by name. */
async function counters(filter: LoadedFilter): Promise<Readonly<Record<string, number>>> {
  const names = ["within", "withinBytes", "over", "overBytes", "newKeys", "overflow", "contended", "noL4", "malformed"];
  const sums = await filter.sums("counters", 0);
  return Object.fromEntries(names.map((name, index) => [name, sums[index] as number]));
}

for (const hook of ["xdp", "tc-egress"] as const) {
  kernelTest(`rate-limit at ${hook}: two connections per second, strictly`, async (t, lab) => {
    const filter = await clocked(lab, { limit: 2, unit: "cps", per: "dst-port", ports: [80], burst: 0 }, hook);

    t.deepEqual(await filter.verdicts(times(3, synTo(80))), ["pass", "pass", "drop"]);
    await filter.at(start + second);
    t.deepEqual(await filter.verdicts([synTo(80)]), ["drop"]);
    await filter.at(start + second + second / 2n);
    t.deepEqual(await filter.verdicts(times(2, synTo(80))), ["pass", "drop"]);
    await filter.at(start + 4n * second);
    t.deepEqual(await filter.verdicts(times(3, synTo(80))), ["pass", "pass", "drop"]);
  });

  kernelTest(`rate-limit at ${hook}: where a second ends, nobody gets one more`, async (t, lab) => {
    const filter = await clocked(lab, { limit: 5, unit: "cps", per: "dst-port", ports: [80], burst: 0 }, hook);

    await filter.at(start + second - 1_000_000n);
    t.deepEqual(await filter.verdicts(times(6, synTo(80))), [...times(5, "pass"), "drop"]);
    await filter.at(start + second + 1_000_000n);
    t.deepEqual(await filter.verdicts([synTo(80)]), ["drop"]);
    await filter.at(start + second + second / 5n + 1_000_000n);
    t.deepEqual(await filter.verdicts(times(2, synTo(80))), ["pass", "drop"]);
  });

  kernelTest(`rate-limit at ${hook}: only SYNs to the listed ports are connections`, async (t, lab) => {
    const filter = await clocked(lab, { limit: 1, unit: "cps", per: "dst-port", ports: [80, 443], burst: 1 }, hook);
    const free = [synTo(80, tcpFlags.syn | tcpFlags.ack), synTo(80, tcpFlags.ack), synTo(81), frame(ipv4(client, udp({ to: 80 })))];

    t.deepEqual(await filter.verdicts([...free, ...free]), times(8, "pass"));
    t.deepEqual(await filter.verdicts([synTo(80), synTo(443), synTo(80), synTo(443)]), ["pass", "pass", "drop", "drop"]);

    const { within, over, newKeys } = await counters(filter);
    t.deepEqual({ within, over, newKeys }, { within: 2, over: 2, newKeys: 2 });
  });

  kernelTest(`rate-limit at ${hook}: ports are found behind IP options, VLAN tags and IPv6`, async (t, lab) => {
    const filter = await clocked(lab, { limit: 1, unit: "cps", per: "global", ports: [80], burst: 3 }, hook);
    const packets = [
      frame(ipv4({ ...client, options: new Uint8Array(4) }, tcp({ to: 80 }))),
      frame(vlan({ id: 10 }, ipv6({ src: "2001:db8::1", dst: "2001:db8::2" }, tcp({ to: 80 })))),
      frame(vlan({ id: 10, outer: true }, vlan({ id: 3 }, ipv4(client, tcp({ to: 80 }))))),
    ];

    t.deepEqual(await filter.verdicts(packets), ["pass", "pass", "pass"]);
    t.deepEqual(await filter.verdicts(packets), ["drop", "drop", "drop"]);
  });
}

kernelTest("rate-limit never reads ports out of a fragment's payload", async (t, lab) => {
  const filter = await clocked(lab, { limit: 1, unit: "cps", per: "dst-port", ports: [80], burst: 1 });
  const packets = [
    frame(ipv4({ ...client, fragmentOffset: 185 }, tcp({ to: 80 }))),
    frame(ipv6({}, ipv6Fragment({ offset: 185 }, tcp({ to: 80 })))),
  ];

  t.deepEqual(await filter.verdicts([...packets, ...packets]), times(4, "pass"));

  t.is((await counters(filter))["noL4"], 4);
});

kernelTest("rate-limit: IPv6 sources of one /64 share a bucket, unless told otherwise", async (t, lab) => {
  const from = (src: string): Uint8Array => frame(ipv6({ src }, udp({})));
  const sources = [from("2001:db8:0:1::1"), from("2001:db8:0:1::2"), from("2001:db8:0:2::1")];
  const shared = await clocked(lab, { limit: 1, burst: 1 });
  const apart = await clocked(lab, { limit: 1, burst: 1, src_prefix6: 128 });

  t.deepEqual(await shared.verdicts(sources), ["pass", "drop", "pass"]);
  t.deepEqual(await apart.verdicts(sources), ["pass", "pass", "pass"]);
});

kernelTest("rate-limit: IPv4 sources of one prefix share a bucket when told so", async (t, lab) => {
  const filter = await clocked(lab, { limit: 1, burst: 1, src_prefix4: 20 });

  t.deepEqual(await filter.verdicts([udpFrom("10.0.0.1"), udpFrom("10.0.15.9"), udpFrom("10.0.16.1")]), ["pass", "drop", "pass"]);
});

kernelTest("rate-limit counts bits of whole frames, and lets a burst through", async (t, lab) => {
  const filter = await clocked(lab, { limit: 8000, unit: "bps", burst: 1000 });
  const packet = frame(ipv4({}, udp({ payload: new Uint8Array(125 - 42) })));

  t.is(packet.length, 125);
  t.deepEqual(await filter.verdicts([packet, packet]), ["pass", "drop"]);
  await filter.at(start + 124_000_000n);
  t.is(await filter.verdict(packet), "drop");
  await filter.at(start + 126_000_000n);
  t.is(await filter.verdict(packet), "pass");
});

kernelTest("rate-limit lets a frame larger than the burst through when the key is at rest, and collects the debt", async (t, lab) => {
  const filter = await clocked(lab, { limit: 8000, unit: "bps", burst: 800 });
  const large = frame(ipv4({}, udp({ payload: new Uint8Array(1000 - 42) })));

  t.deepEqual(await filter.verdicts([large, large]), ["pass", "drop"]);
  await filter.at(start + 890_000_000n);
  t.is(await filter.verdict(udpFrom("192.0.2.1")), "drop");
  await filter.at(start + 1_100_000_000n);
  t.is(await filter.verdict(large), "pass");
});

kernelTest("rate-limit refills at exactly the rate", async (t, lab) => {
  const filter = await clocked(lab, { limit: 3_000_000, burst: 3 });
  let passed = 0;

  for (let tick = 0n; tick < 900n; tick += 1n) {
    await filter.at(start + tick * 100n);
    if ((await filter.verdict(udpFrom("10.0.0.1"))) === "pass") passed += 1;
  }

  // 90 µs at three per µs, and the burst.
  t.true(passed >= 272 && passed <= 273, `${passed} packets passed`);
});

kernelTest("rate-limit bounds what any second admits to the limit with a sliding window", async (t, lab) => {
  const filter = await clocked(lab, { limit: 100, algorithm: "sliding-window", window: "200ms" });
  const admitted: bigint[] = [];

  for (let offset = 0n; offset < 2n * second; offset += second / 500n) {
    await filter.at(start + offset);
    if ((await filter.verdict(udpFrom("10.0.0.1"))) === "pass") admitted.push(offset);
  }

  const densest = Math.max(...admitted.map((from) => admitted.filter((at) => at >= from && at < from + second / 5n).length));
  t.true(admitted.length >= 180 && admitted.length <= 220, `${admitted.length} packets in 2 s`);
  t.true(densest <= 26, `${densest} packets within 200 ms`);
});

const keyCases: readonly { readonly per: string; readonly same: readonly [Uint8Array, Uint8Array]; readonly other: Uint8Array }[] = [
  {
    per: "global",
    same: [udpFrom("10.0.0.1"), frame(ipv6({}, tcp({})))],
    other: ethernet({}, { type: 0x0806, bytes: () => new Uint8Array(28) }),
  },
  { per: "dst-port", same: [udpFrom("10.0.0.1"), udpFrom("10.0.0.2")], other: udpFrom("10.0.0.1", 54) },
  { per: "src", same: [udpFrom("10.0.0.1"), udpFrom("10.0.0.1", 54)], other: udpFrom("10.0.0.2") },
  { per: "dst", same: [udpFrom("10.0.0.1"), udpFrom("10.0.0.2")], other: frame(ipv4({ dst: "10.9.9.9" }, udp({}))) },
  { per: "src-dst-port", same: [udpFrom("10.0.0.1"), udpFrom("10.0.0.1", 53, 9)], other: udpFrom("10.0.0.1", 54) },
  { per: "flow", same: [udpFrom("10.0.0.1"), udpFrom("10.0.0.1")], other: udpFrom("10.0.0.1", 53, 9) },
];

for (const { per, same, other } of keyCases) {
  kernelTest(`rate-limit per ${per}`, async (t, lab) => {
    const filter = await clocked(lab, { limit: 1, burst: 1, per });

    t.deepEqual(await filter.verdicts([...same, other]), ["pass", "drop", "pass"]);
  });
}

kernelTest("rate-limit limits only the named protocols", async (t, lab) => {
  const filter = await clocked(lab, { limit: 1, burst: 1, protocol: ["icmp", "icmp6"] });
  const ping = frame(ipv4({}, icmp({})));

  t.deepEqual(await filter.verdicts([ping, ping, udpFrom("192.0.2.1"), udpFrom("192.0.2.1")]), ["pass", "drop", "pass", "pass"]);
});

const sharedRules = [
  { name: "web", ports: [80, 443], limit: 2, burst: 2, unit: "cps" },
  { name: "dns", ports: 53, protocol: "udp", limit: 1, burst: 1 },
  { name: "bits", protocol: "udp", limit: 8000, burst: 1000, unit: "bps" },
];

for (const hook of ["xdp", "tc-egress"] as const) {
  kernelTest(`rate-limit at ${hook}: each rule has its limit, its keys and its counters`, async (t, lab) => {
    const filter = await clocked(lab, { rules: sharedRules, per: "src" }, hook);
    const six = (to: number): Uint8Array => frame(vlan({ id: 3 }, ipv6({}, ipv6Extension({ type: 60 }, udp({ to })))));
    const large = frame(ipv4({ src: "192.168.1.1" }, udp({ to: 99, payload: new Uint8Array(125 - 42) })));

    t.deepEqual(await filter.verdicts([synTo(80), synTo(443), synTo(80), synTo(81), synTo(81)]), ["pass", "pass", "drop", "pass", "pass"]);
    t.deepEqual(await filter.verdicts([udpFrom("192.168.1.1"), udpFrom("192.168.1.1"), six(53), six(53)]), [
      "pass",
      "drop",
      "pass",
      "drop",
    ]);
    t.deepEqual(await filter.verdicts([large, large]), ["pass", "drop"]);
    t.deepEqual(await filter.verdicts([frame(ipv4(client, udp({ to: 53 })))]), ["drop"]);

    const sums = await Promise.all([0, 1, 2].map((rule) => filter.sums("counters", rule)));
    t.deepEqual(
      sums.map(([within, , over]) => [within, over]),
      [
        [2, 1],
        [2, 3],
        [1, 1],
      ],
    );
  });
}

kernelTest(
  "rate-limit's rules: a later fragment belongs to a rule without ports, or is counted where it might have belonged",
  async (t, lab) => {
    const fragment = frame(ipv4({ ...client, fragmentOffset: 185 }, udp({ to: 53 })));
    const other = frame(ipv4({ ...client, fragmentOffset: 185 }, tcp({ to: 80 })));
    const filter = await clocked(lab, { rules: sharedRules });

    t.deepEqual(await filter.verdicts([fragment, other, other.slice(0, 30)]), ["pass", "pass", "pass"]);

    const sums = await Promise.all([0, 1, 2].map((rule) => filter.sums("counters", rule)));
    t.deepEqual(
      sums.map((words) => [words[0], words[7], words[8]]),
      [
        [0, 1, 1],
        [0, 0, 0],
        [1, 0, 0],
      ],
    );
  },
);

kernelTest("rate-limit takes 64 rules with a sliding window, and the first that matches limits", async (t, lab) => {
  const rules = Array.from({ length: 64 }, (_, index) => ({ ports: `${index * 10}-${index * 10 + 14}`, limit: index + 1 }));
  const filter = await clocked(lab, { rules, algorithm: "sliding-window", per: "global" });

  t.deepEqual(await filter.verdicts(times(3, udpFrom("10.0.0.1", 21))), ["pass", "pass", "drop"]);
  t.deepEqual(await filter.verdicts(times(65, udpFrom("10.0.0.1", 640))), [...times(64, "pass"), "drop"]);
  t.deepEqual(await filter.verdicts([udpFrom("10.0.0.1", 700)]), ["pass"]);
});

kernelTest("rate-limit observes without dropping", async (t, lab) => {
  const filter = await clocked(lab, { limit: 1, burst: 1, mode: "observe" });

  t.deepEqual(await filter.verdicts(times(3, udpFrom("10.0.0.1"))), ["pass", "pass", "pass"]);

  const { within, over, overBytes } = await counters(filter);
  t.deepEqual({ within, over, overBytes }, { within: 1, over: 2, overBytes: 120 });
});

kernelTest("rate-limit drops malformed packets when told so", async (t, lab) => {
  const cut = synTo(80).slice(0, 40);
  const strict = await clocked(lab, { limit: 1, on_malformed: "drop" });
  const lax = await clocked(lab, { limit: 1 });

  t.deepEqual([await strict.verdict(cut), await lax.verdict(cut)], ["drop", "pass"]);

  t.is((await counters(lax))["malformed"], 1);
});

kernelTest("rate-limit: a new limit written in place holds from the next packet, and old buckets start anew", async (t, lab) => {
  const filter = await clocked(lab, { limit: 1, burst: 1 });
  const faster = renderStep("rate-limit", { limit: 10, burst: 2 }, "xdp");
  const limit = faster.step.maps.find(({ name }) => name === "limit");

  t.deepEqual(await filter.verdicts(times(2, udpFrom("10.0.0.1"))), ["pass", "drop"]);
  await filter.write("limit", limit!.entries);
  t.deepEqual(await filter.verdicts(times(3, udpFrom("10.0.0.1"))), ["pass", "pass", "drop"]);

  t.is(limit?.incarnation, filter.step.maps.find(({ name }) => name === "limit")?.incarnation);
});

kernelTest("rate-limit forgets the oldest of too many sources, and fails for none", async (t, lab) => {
  const filter = await clocked(lab, { limit: 1, burst: 1, max_keys: 4096 });
  const packets = Array.from({ length: 6000 }, (_, index) => udpFrom(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`));

  for (const packet of packets) await filter.run(packet);

  const { within, newKeys, overflow } = await counters(filter);
  t.deepEqual({ within, newKeys, overflow }, { within: 6000, newKeys: 6000, overflow: 0 });
  t.true((await filter.entries("buckets")).count <= 4096);
  t.is(await filter.verdict(packets.at(-1) as Uint8Array), "drop");
});

kernelTest("rate-limit loses no packet of two processors that share a bucket", async (t, lab) => {
  for (const algorithm of [{ burst: 100_000 }, { algorithm: "sliding-window" }]) {
    const filter = await clocked(lab, { limit: 100_000, per: "global", ...algorithm });

    await Promise.all(times(2, udpFrom("10.0.0.1")).map((packet) => filter.run(packet, 500_000)));

    const { within, over, contended } = await counters(filter);
    t.is((within as number) + (over as number), 1_000_000);
    t.is((within as number) - (contended as number), 100_000);
  }
});

kernelTest("rate-limit with the real clock admits about its rate", async (t, lab) => {
  const filter = await loadFilter(lab.kernel, lab.root, "rate-limit", { limit: 100_000, burst: 1 });
  const began = process.hrtime.bigint();

  await filter.run(udpFrom("10.0.0.1"), 3_000_000);

  const elapsed = Number(process.hrtime.bigint() - began) / 1e9;
  const { within, over } = await counters(filter);
  t.is((within as number) + (over as number), 3_000_000);
  t.true((within as number) > 1000 && (within as number) <= 100_000 * elapsed + 2, `${within} in ${elapsed} s`);
});
