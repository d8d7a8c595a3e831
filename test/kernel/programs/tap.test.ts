// SPDX-License-Identifier: Apache-2.0
import { stepTag } from "../../../bpf/chain/leave.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import { defaultContinue, endVerdict } from "../../../bpf/chain/verdict.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { openRingBuffer } from "../../../bpf/kernel/ring-buffer.ts";
import { readTapRecord, type TapRecord } from "../../../bpf/programs/tap/record.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, ipv6, ipv6Extension, type Layer, raw, tcp, udp, vlan } from "../../lab/packet.ts";
import { type LoadedFilter, loadFilter } from "./load-filter.ts";

const frame = (layer: Layer): Uint8Array => ethernet({}, layer);
const to = (port: number, size = 0): Uint8Array => frame(ipv4({}, udp({ to: port, payload: new Uint8Array(size).fill(port) })));

interface HeardTap extends LoadedFilter {
  listen(until: bigint): Promise<void>;
  records(): readonly TapRecord[];
  close(): void;
}

async function heard(
  lab: Lab,
  parameters: object,
  hook: HookKind = "xdp",
  then?: { object: Uint8Array; function: string },
): Promise<HeardTap> {
  const filter = await loadFilter(lab.kernel, lab.root, "tap", parameters, { hook, ...(then && { then }) });
  const buffer = openRingBuffer(filter.pin("samples"));
  const listen = async (until: bigint): Promise<void> => {
    const values = new Uint8Array(8);
    new DataView(values.buffer).setBigUint64(0, until, true);
    await filter.write("listening", { keySize: 4, valueSize: 8, count: 1, keys: new Uint8Array(4), values });
  };
  await listen(process.hrtime.bigint() + 60_000_000_000n);
  const records = () => buffer.read().map((bytes) => readTapRecord(bytes) as TapRecord);
  return { ...filter, listen, records, close: () => buffer.close() };
}

for (const hook of ["xdp", "tc-ingress", "tc-egress"] as const) {
  kernelTest(`tap at ${hook} copies what comes by, as far as it is told to`, async (t, lab) => {
    const tap = await heard(lab, { snaplen: 64 }, hook);
    const packets = [
      to(53),
      to(9, 500),
      frame(vlan({ id: 7, outer: true }, vlan({ id: 8 }, ipv6({}, ipv6Extension({ type: 0 }, tcp({})))))),
      frame(raw(0x0806, new Uint8Array(46))),
      frame(ipv4({ fragmentOffset: 100 }, udp({}))),
    ];
    const before = process.hrtime.bigint();

    for (const packet of packets) t.is(await tap.verdict(packet), "pass");

    const records = tap.records();
    t.deepEqual(
      records.map(({ bytes, length, step }) => ({ hex: Buffer.from(bytes).toString("hex"), length, step })),
      packets.map((packet) => ({ hex: Buffer.from(packet.subarray(0, 64)).toString("hex"), length: packet.length, step: null })),
    );
    t.true(records.every(({ time }) => time >= before && time <= process.hrtime.bigint()));
    tap.close();
  });

  kernelTest(`tap at ${hook} takes malformed frames as they are`, async (t, lab) => {
    const tap = await heard(lab, { snaplen: 2048 }, hook);
    const odd = [frame(ipv4({}, tcp({}))).slice(0, 44), frame(ipv6({}, udp({}))).slice(0, 60)];

    for (const packet of odd) await tap.run(packet);

    t.deepEqual(
      tap.records().map(({ bytes, length }) => [Buffer.from(bytes).toString("hex"), length]),
      odd.map((packet) => [Buffer.from(packet).toString("hex"), packet.length]),
    );
    tap.close();
  });

  kernelTest(`tap at ${hook} tells with which verdict packets leave the chain, and who decided`, async (t, lab) => {
    const [drop, pass] = hook === "xdp" ? [1, 2] : [2, -1];
    const source = `
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
static int odd(void *data, void *end) { unsigned char *bytes = data; return bytes + 38 <= (unsigned char *)end && bytes[37] & 1; }
SEC("xdp") int drop_xdp(struct xdp_md *c) { return odd((void *)(long)c->data, (void *)(long)c->data_end) ? XDP_DROP : XDP_PASS; }
SEC("tc") int drop_tc(struct __sk_buff *c) { return odd((void *)(long)c->data, (void *)(long)c->data_end) ? TC_ACT_SHOT : TC_ACT_UNSPEC; }
char LICENSE[] SEC("license") = "GPL";`;
    const then = { object: lab.compile(source, "drop-odd"), function: hook === "xdp" ? "drop_xdp" : "drop_tc" };
    const drops = await heard(lab, { verdicts: ["drop"] }, hook, then);
    const all = await heard(lab, { verdicts: ["drop", "pass"] }, hook, then);

    for (const tap of [drops, all]) {
      t.deepEqual([await tap.verdict(to(1)), await tap.verdict(to(2)), await tap.verdict(to(3))], ["drop", "pass", "drop"]);
    }

    const summary = (tap: HeardTap) => tap.records().map(({ verdict, step }) => [verdict, step]);
    const byThen = [drop, stepTag("then")];
    t.deepEqual(summary(drops), [byThen, byThen]);
    t.deepEqual(summary(all), [byThen, [pass, 0], byThen]);
    for (const tap of [drops, all]) tap.close();
  });
}

kernelTest("tap copies nothing while nobody listens", async (t, lab) => {
  const tap = await heard(lab, {});
  await tap.listen(0n);
  await tap.run(to(1), 100);
  await tap.listen(process.hrtime.bigint() - 1_000_000_000n);
  await tap.run(to(1), 100);

  t.deepEqual([tap.records(), await tap.sums("counters", 0)], [[], [0, 0, 0, 0, 0]]);
  tap.close();
});

kernelTest("tap copies no more in a second than it may, and counts the rest", async (t, lab) => {
  const tap = await heard(lab, { limit_pps: 50 });

  await tap.run(to(1), 10_000);

  const [seen, copied, , overLimit] = (await tap.sums("counters", 0)) as number[];
  t.is(seen, 10_000);
  t.true(copied === 50 || copied === 100, `${copied} were copied`);
  t.is(overLimit, 10_000 - (copied as number));
  t.is(tap.records().length, copied as number);
  tap.close();
});

kernelTest("tap chooses one in so many", async (t, lab) => {
  const tap = await heard(lab, { one_in: 10, limit_pps: 10_000_000 });

  await tap.run(to(1), 5_000);

  const [seen, copied, notChosen] = (await tap.sums("counters", 0)) as number[];
  t.deepEqual([seen, (copied as number) + (notChosen as number), tap.records().length], [5_000, 5_000, copied]);
  t.true((copied as number) > 300 && (copied as number) < 700, `${copied} were copied`);
  tap.close();
});

kernelTest("tap loses what a full buffer has no room for, and goes on when there is room again", async (t, lab) => {
  const tap = await heard(lab, { buffer: 65_536, limit_pps: 10_000_000, snaplen: 1000 });

  await tap.run(to(1, 900), 1_000);
  const [, copied, , , lost] = (await tap.sums("counters", 0)) as number[];
  t.true((copied as number) > 40 && (copied as number) < 70, `${copied} were copied`);
  t.is((copied as number) + (lost as number), 1_000);
  t.is(tap.records().length, copied as number);

  await tap.run(to(2), 3);
  t.is(tap.records().length, 3);
  tap.close();
});

kernelTest("taps before and behind other filters tell of every way out of a chain, and of none twice", async (t, lab) => {
  const first = await loadFilter(lab.kernel, lab.root, "tap", { verdicts: ["drop"] });
  const second = await loadFilter(lab.kernel, lab.root, "tap", { verdicts: ["pass"] });
  const object = lab.compile(
    '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int short_ones(struct xdp_md *c) { return c->data_end - c->data < 100 ? XDP_DROP : XDP_PASS; }\nchar LICENSE[] SEC("license") = "GPL";',
    "short",
  );
  const relocate = (filter: LoadedFilter) =>
    lab.kernel.relocate({
      object: first.elf,
      function: filter.step.function,
      hook: "xdp",
      globals: filter.step.globals,
      maps: Object.fromEntries(filter.step.maps.map(({ name }) => [name, filter.pin(name)])),
    });
  const middle = await lab.kernel.relocate({ object, function: "short_ones", hook: "xdp", globals: {}, maps: {} });
  const programs = [await relocate(first), middle, await relocate(second)];
  const steps = programs.map((program, slot) => ({ name: `s${slot}`, program, continueOn: defaultContinue("xdp"), slot }));
  const chain = linkChain({ hook: "xdp", name: "sl_test", steps, end: endVerdict("xdp", "pass"), counters: null });
  if (chain.kind === "refused") return t.fail(chain.reason);
  const maps = { ...first.bindings("s0"), ...second.bindings("s2") };
  await lab.kernel.load(`${lab.root}/both`, { chain, maps });
  const buffers = [first, second].map((filter) => openRingBuffer(filter.pin("samples")));
  const values = new Uint8Array(new BigUint64Array([process.hrtime.bigint() + 60_000_000_000n]).buffer);
  for (const filter of [first, second])
    await filter.write("listening", { keySize: 4, valueSize: 8, count: 1, keys: new Uint8Array(4), values });

  for (const size of [1, 400, 2]) await lab.kernel.run(`${lab.root}/both`, { packet: to(1, size) });

  const told = buffers.map((buffer) =>
    buffer
      .read()
      .map((bytes) => readTapRecord(bytes))
      .map((record) => [record?.verdict, record?.step]),
  );
  t.deepEqual(told, [
    [
      [1, stepTag("s1")],
      [1, stepTag("s1")],
    ],
    [[2, 0]],
  ]);
  for (const buffer of buffers) buffer.close();
});
