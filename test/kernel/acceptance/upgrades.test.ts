// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { entryAt } from "../../../bpf/kernel/entries.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { type Station, station } from "../cli/station.ts";
import { own, writeFiles, xdpPolicy } from "./policy.ts";

/** A meter of packets by the last byte of their source, in maps of these members and sizes. */
function meter(lab: Lab, members: string, count: string, entries = 16, type = "HASH"): Uint8Array {
  return lab.compile(
    `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct flow { ${members} };
struct { __uint(type, BPF_MAP_TYPE_${type}); __uint(max_entries, ${entries}); __type(key, __u32); __type(value, struct flow); } flows SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct flow); } all SEC(".maps");
__u64 total;
SEC("xdp") int meter(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	if (data + 34 > (unsigned char *)(long)ctx->data_end)
		return XDP_PASS;
	__u32 key = data[29], zero = 0;
	struct flow fresh = {}, *flow;
	if (!bpf_map_lookup_elem(&flows, &key))
		bpf_map_update_elem(&flows, &key, &fresh, BPF_ANY);
	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow)
		flow->${count}++;
	flow = bpf_map_lookup_elem(&all, &zero);
	if (flow)
		flow->${count}++;
	total++;
	return XDP_PASS;
}
char _license[] SEC("license") = "GPL";`,
    "meter",
  );
}

async function change(host: Station, elf: Uint8Array, more = "") {
  writeFiles(host.folder, {
    "objects/meter.bpf.o": elf,
    "interfaces/lab.yaml": xdpPolicy(host.device, [own("meter", "meter", elf, more)]),
  });
  const plan = await host.sluice("plan");
  return { plan: plan.out + plan.err, applied: await host.sluice("apply", "--yes") };
}

const packet = (last: number) => ethernet({}, ipv4({ src: `192.0.2.${last}` }, udp({})));

/** Entries of the newest map of a name: key to value, as numbers of 32 bits. */
async function contents(lab: Lab, name: string): Promise<Record<number, readonly number[]>> {
  const pins = (await lab.kernel.pins(lab.root)).filter(({ kind, path }) => kind === "map" && path.includes(`/${name}__`));
  const newest = pins.sort((a, b) => b.id - a.id)[0];
  const entries = await lab.kernel.readMap(newest?.path ?? "");
  return Object.fromEntries(
    Array.from({ length: entries.count }, (_, index) => {
      const [key, value] = entryAt(entries, index).map((bytes) => Buffer.from(bytes));
      return [
        key?.readUInt32LE(0) ?? -1,
        Array.from({ length: (value?.length ?? 0) / 4 }, (_word, at) => value?.readUInt32LE(at * 4) ?? 0),
      ];
    }),
  );
}

async function counted(t: ExecutionContext, lab: Lab): Promise<Station> {
  const host = await station(t, lab);
  const { applied } = await change(host, meter(lab, "__u32 packets; __u32 old;", "packets"));
  t.is(applied.exit, 0, applied.err);
  await lab.send(host.peer, [packet(7), packet(7), packet(9)]);
  t.deepEqual(await contents(lab, "flows"), { 7: [2, 0], 9: [1, 0] });
  return host;
}

kernelTest("a value that grows keeps what has the same name, in hashes, per CPU and in global variables", async (t, lab) => {
  const host = await counted(t, lab);

  const { plan, applied } = await change(host, meter(lab, "__u64 first_seen; __u64 packets;", "packets", 32));

  t.regex(plan, /~ replace +meter +object, maps changed; state copied: flows \(without old; new: first_seen; room for 32, was 16\), all/);
  t.is(applied.exit, 0, applied.err);
  t.deepEqual(await contents(lab, "flows"), { 7: [0, 0, 2, 0], 9: [0, 0, 1, 0] });
  const perCpu = (await contents(lab, "all"))[0] ?? [];
  t.is(
    perCpu.filter((_, index) => index % 4 === 2).reduce((sum, count) => sum + count, 0),
    3,
  );
  await lab.send(host.peer, [packet(7)]);
  t.deepEqual((await contents(lab, "flows"))[7], [0, 0, 3, 0]);
  t.deepEqual(await contents(lab, "_2ebss"), { 0: [4, 0] }, "defined as before: the same map");
});

kernelTest("entries that do not fit into a smaller map are left out, and an lru_hash takes over a hash", async (t, lab) => {
  const host = await counted(t, lab);

  const { applied } = await change(host, meter(lab, "__u32 packets; __u32 old;", "packets", 1));
  t.is(applied.exit, 0, applied.err);
  t.is(Object.keys(await contents(lab, "flows")).length, 1);

  const { plan, applied: again } = await change(host, meter(lab, "__u32 packets; __u32 old;", "packets", 64, "LRU_HASH"));
  t.regex(plan, /state copied: flows \(room for 64, was 1\)/);
  t.is(again.exit, 0, again.err);
  t.is(Object.keys(await contents(lab, "flows")).length, 1);
});

kernelTest("migrate: fresh starts empty, refuse applies nothing, and what cannot be copied is told", async (t, lab) => {
  const host = await counted(t, lab);
  const grown = meter(lab, "__u64 packets; __u64 bytes;", "packets");

  const refused = await change(host, grown, "      migrate: refuse\n");
  t.is(refused.applied.exit, 5, refused.applied.err);
  t.regex(refused.applied.err, /Cannot replace step "meter" of \S+ \(interfaces\/lab\.yaml:5\): its map "flows" is defined otherwise now/);
  t.deepEqual(await contents(lab, "flows"), { 7: [2, 0], 9: [1, 0] });

  const other = await change(host, meter(lab, "__u32 packets; __u32 old;", "packets", 16, "LRU_HASH"));
  t.is(other.applied.exit, 0);
  const alien = await change(host, meter(lab, "__s64 packet_count;", "packet_count"));
  t.regex(alien.plan, /state lost: flows, all/);

  const fresh = await change(host, grown, "      migrate: fresh\n");
  t.regex(fresh.plan, /state lost: flows, all/);
  t.is(fresh.applied.exit, 0, fresh.applied.err);
  t.deepEqual(await contents(lab, "flows"), {});
});
