// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, icmp, ipv4, ipv6, ipv6Extension, ipv6Fragment, type Layer, tcp, udp, vlan } from "../../lab/packet.ts";
import { type ClockedFilter, clockedFilter } from "./clocked-filter.ts";
import { type LoadedFilter, loadFilter, renderStep } from "./load-filter.ts";

const hour = 3_600_000_000_000n;
/** A quarter past some hour, on the day after the clock's zero. */
const start = 30n * hour + hour / 4n;

const quota = (lab: Lab, parameters: object, hook: HookKind = "xdp"): Promise<ClockedFilter> =>
  clockedFilter(lab, "port-quota", parameters, start, { hook });

const frame = (layer: Layer): Uint8Array => ethernet({}, layer);
/** 400 bytes to a port. */
const large = (to: number, src = "192.0.2.1"): Uint8Array => frame(ipv4({ src }, tcp({ from: 9, to, payload: new Uint8Array(346) })));
const largeUdp = (to: number): Uint8Array => frame(ipv4({}, udp({ from: 9, to, payload: new Uint8Array(358) })));

async function counted(filter: LoadedFilter): Promise<Readonly<Record<string, number>>> {
  const words = await filter.sums("counters", 0);
  const cells = (filter.step.reasons?.cells ?? []).map(({ name, offset }) => [name, words[offset / 8] as number] as const);
  return Object.fromEntries(cells.filter(([, packets]) => packets > 0));
}

/** Bytes used by the one key that there is, without the number of the period. */
async function usedBytes(filter: LoadedFilter): Promise<number> {
  const { values } = await filter.entries("used");
  return Number(new DataView(values.buffer, values.byteOffset).getBigUint64(0, true) & ((1n << 43n) - 1n));
}

for (const hook of ["xdp", "tc-ingress", "tc-egress"] as const) {
  kernelTest(`port-quota at ${hook}: what does not fit is dropped, and does not use the budget`, async (t, lab) => {
    const filter = await quota(lab, { ports: 80, bytes: 1000, direction: "rx" }, hook);

    t.deepEqual(await filter.verdicts([large(80), large(80), large(80), large(81)]), ["pass", "pass", "drop", "pass"]);
    t.is(await usedBytes(filter), 800);
    t.deepEqual(await counted(filter), { "within the budget": 2, "over the budget": 1, "new key": 1 });

    t.deepEqual(await filter.verdicts([frame(ipv4({}, tcp({ to: 80 }))), large(80)]), ["pass", "drop"]);
    t.is((await counted(filter))["near the end of the budget"], 1);
  });

  kernelTest(`port-quota at ${hook}: a new hour, a new budget`, async (t, lab) => {
    const filter = await quota(lab, { ports: 80, bytes: 400, period: "1h", reset_at: "05:10", direction: "rx" }, hook);

    t.deepEqual(await filter.verdicts([large(80), large(80)]), ["pass", "drop"]);
    await filter.at(start + (hour * 54n) / 60n);
    t.deepEqual(await filter.verdicts([large(80)]), ["drop"]);
    await filter.at(start + (hour * 55n) / 60n);
    t.deepEqual(await filter.verdicts([large(80), large(80)]), ["pass", "drop"]);
    await filter.at(start + 10n * hour);
    t.deepEqual(await filter.verdicts([large(80), large(80)]), ["pass", "drop"]);
  });
}

kernelTest("port-quota: a day begins when it is told to", async (t, lab) => {
  const filter = await quota(lab, { ports: 80, packets: 1, period: "1d", reset_at: "07:00" });

  t.deepEqual(await filter.verdicts([large(80), large(80)]), ["pass", "drop"]);
  await filter.at(30n * hour + hour - 1n);
  t.deepEqual(await filter.verdicts([large(80)]), ["drop"]);
  await filter.at(31n * hour);
  t.deepEqual(await filter.verdicts([large(80), large(80)]), ["pass", "drop"]);
  await filter.at(54n * hour);
  t.deepEqual(await filter.verdicts([large(80)]), ["drop"]);
});

kernelTest("port-quota without a period never starts anew, and a larger budget is not a new one", async (t, lab) => {
  const filter = await quota(lab, { ports: 80, bytes: 800 });
  const more = renderStep("port-quota", { ports: 80, bytes: 1200 }, "xdp").step.maps.find(({ name }) => name === "quota");

  t.deepEqual(await filter.verdicts([large(80), large(80), large(80)]), ["pass", "pass", "drop"]);
  await filter.at(10_000n * hour);
  t.deepEqual(await filter.verdicts([large(80)]), ["drop"]);
  await filter.write("quota", more!.entries);
  t.deepEqual(await filter.verdicts([large(80), large(80)]), ["pass", "drop"]);
});

kernelTest("port-quota observes without dropping, and counts", async (t, lab) => {
  const filter = await quota(lab, { ports: 80, bytes: 1000, mode: "observe" });

  t.deepEqual(await filter.verdicts([large(80), large(80), large(80)]), ["pass", "pass", "pass"]);

  const words = await filter.sums("counters", 0);
  t.deepEqual(words.slice(0, 4), [2, 800, 1, 400]);
});

kernelTest("port-quota: protocols of a port have budgets apart, or one together", async (t, lab) => {
  const apart = await quota(lab, { ports: 80, bytes: 400 });
  const together = await quota(lab, { ports: 80, bytes: 400, protocol: "any" });
  const onlyUdp = await quota(lab, { ports: 80, bytes: 400, protocol: "udp" });
  const packets = [large(80), largeUdp(80), large(80), largeUdp(80)];

  t.deepEqual(await apart.verdicts(packets), ["pass", "pass", "drop", "drop"]);
  t.deepEqual(await together.verdicts(packets), ["pass", "drop", "drop", "drop"]);
  t.deepEqual(await onlyUdp.verdicts(packets), ["pass", "pass", "pass", "drop"]);
});

kernelTest("port-quota counts whole frames behind VLAN tags, options and IPv6 extension headers", async (t, lab) => {
  const filter = await quota(lab, { ports: 53, bytes: 1_000_000 });
  const packets = [
    frame(ipv4({ options: new Uint8Array(40) }, udp({ to: 53 }))),
    frame(vlan({ id: 1, outer: true }, vlan({ id: 2 }, ipv6({}, udp({ to: 53 }))))),
    frame(ipv6({}, ipv6Extension({ type: 0 }, ipv6Extension({ type: 60, size: 64 }, udp({ to: 53, payload: new Uint8Array(99) }))))),
    frame(ipv6({}, ipv6Fragment({ offset: 0, more: true }, udp({ to: 53 })))),
  ];

  t.deepEqual(await filter.verdicts(packets), ["pass", "pass", "pass", "pass"]);

  t.is(
    await usedBytes(filter),
    packets.reduce((sum, packet) => sum + packet.length, 0),
  );
});

kernelTest("port-quota: later fragments and malformed packets use no budget", async (t, lab) => {
  const filter = await quota(lab, { ports: 80, packets: 1, on_malformed: "drop" });
  const packets = [
    frame(ipv4({ fragmentOffset: 185 }, tcp({ to: 80 }))),
    frame(ipv6({}, ipv6Fragment({ offset: 185 }, tcp({ to: 80 })))),
    large(80).slice(0, 44),
    frame(ipv4({}, icmp({}))),
  ];

  t.deepEqual(await filter.verdicts([...packets, large(80)]), ["pass", "pass", "drop", "pass", "pass"]);

  t.deepEqual(await counted(filter), {
    "within the budget": 1,
    "near the end of the budget": 1,
    "new key": 1,
    "a fragment, whose ports nobody can see": 2,
    malformed: 1,
  });
});

kernelTest("port-quota: of bytes and packets both hold, and what is refused uses neither", async (t, lab) => {
  const filter = await quota(lab, { ports: 80, bytes: 10_000, packets: 2 });

  t.deepEqual(await filter.verdicts([large(80), large(80), large(80)]), ["pass", "pass", "drop"]);

  t.is(await usedBytes(filter), 800);
});

kernelTest("port-quota per client: by source where packets arrive, by destination where they leave", async (t, lab) => {
  const arriving = await quota(lab, { per: "src", packets: 1 });
  const leaving = await quota(lab, { per: "src", packets: 1, ports: 443 }, "tc-egress");
  const to = (dst: string, from: number): Uint8Array => frame(ipv6({ src: "2001:db8::1", dst }, tcp({ from, to: 9 })));

  t.deepEqual(await arriving.verdicts([large(1), large(2), large(1, "192.0.2.2"), frame(ipv4({ src: "192.0.2.2" }, icmp({})))]), [
    "pass",
    "drop",
    "pass",
    "drop",
  ]);
  t.deepEqual(
    await leaving.verdicts([to("2001:db8:0:1::1", 443), to("2001:db8:0:1::2", 443), to("2001:db8:0:2::1", 443), to("2001:db8:0:1::1", 80)]),
    ["pass", "drop", "pass", "pass"],
  );
});

kernelTest("port-quota marks at tc what is over the budget", async (t, lab) => {
  const source = `
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
SEC("tc") int drop_marked(struct __sk_buff *skb) { return skb->mark == 9 ? TC_ACT_SHOT : TC_ACT_UNSPEC; }
char LICENSE[] SEC("license") = "GPL";`;
  const then = { object: lab.compile(source, "drop-marked"), function: "drop_marked" };
  const parameters = { ports: 80, packets: 1, action: "mark", mark: 9 };
  const filter = await loadFilter(lab.kernel, lab.root, "port-quota", parameters, { hook: "tc-ingress", then });

  t.deepEqual(
    [await filter.verdict(large(80)), await filter.verdict(large(80)), await filter.verdict(large(81))],
    ["pass", "drop", "pass"],
  );
});

kernelTest("port-quota: two processors never use more than the budget, and lose nothing", async (t, lab) => {
  const filter = await quota(lab, { ports: 80, packets: 100_000 });

  await Promise.all([large(80), large(80)].map((packet) => filter.run(packet, 400_000)));

  const { "within the budget": within, "over the budget": over, contended = 0 } = await counted(filter);
  t.is((within as number) + (over as number), 800_000);
  t.is((within as number) - contended, 100_000);
});

kernelTest("port-quota with the real clocks: the hour begins by the calendar", async (t, lab) => {
  const filter = await loadFilter(lab.kernel, lab.root, "port-quota", { ports: 80, packets: 1, period: "1h" });

  t.deepEqual([await filter.verdict(large(80)), await filter.verdict(large(80))], ["pass", "drop"]);

  const { values } = await filter.entries("periods");
  const number = new DataView(values.buffer, values.byteOffset).getBigUint64(8, true);
  const hours = BigInt(Date.now()) / 3_600_000n;
  t.true(number === (hours & 0x1fffffn) || number === ((hours + 1n) & 0x1fffffn), `hour ${number}, the calendar says ${hours}`);
});

kernelTest("port-quota has room for every port of the list with every protocol", async (t, lab) => {
  const filter = await quota(lab, { ports: "1000-1099", packets: 1 });

  for (let port = 1000; port < 1100; port++) for (const packet of [large(port), largeUdp(port)]) await filter.run(packet);

  t.deepEqual(await counted(filter), { "within the budget": 200, "near the end of the budget": 200, "new key": 200 });
});
