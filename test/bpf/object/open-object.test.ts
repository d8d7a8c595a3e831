// SPDX-License-Identifier: Apache-2.0

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "ava";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { type ElfSection, readElf } from "../../../bpf/object/elf.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { compile } from "../../lab/compile.ts";

const source = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct flow { __u32 address; __u16 port; __u16 pad; };
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __type(key, struct flow); __type(value, __u64); __uint(max_entries, 1024); } flows SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(key_size, 8); __uint(value_size, 4); __uint(max_entries, 9); __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(pinning, LIBBPF_PIN_BY_NAME); } routes SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
struct shard { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); };
struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 2); __type(key, __u32); __array(values, struct shard); } shards SEC(".maps");
extern int LINUX_KERNEL_VERSION __kconfig;
const volatile __u32 limit = 7;
const volatile __u8 names[3] SEC(".rodata.names") = {1, 2, 3};
__u32 start = 3;
__u64 seen[2];
SEC("xdp_anything") int odd(struct xdp_md *ctx) { seen[0] += start; return seen[0] > limit ? XDP_DROP : XDP_PASS; }
SEC("xdp.frags/late") int frags(struct xdp_md *ctx) { return names[ctx->rx_queue_index & 1] + (LINUX_KERNEL_VERSION > 1); }
SEC("tc/ingress") int filter(struct __sk_buff *skb)
{
  __u32 key = 0;
  struct flow flow = {};
  bpf_map_lookup_elem(&flows, &flow);
  bpf_map_lookup_elem(&shards, &key);
  bpf_map_lookup_elem(&routes, &flow);
  return bpf_perf_event_output(skb, &events, 0, &key, 4);
}
char LICENSE[] SEC("license") = "Dual BSD/GPL";
`;

const plain = { btfKey: 0, btfValue: 0, inner: null };

test("openObject() tells an object's programs, whatever their sections are called", (t) => {
  const elf = compile(source, "everything");

  const spec = openObject(elf);

  t.is(spec.digest, createHash("sha256").update(elf).digest("hex"));
  t.is(spec.license, "Dual BSD/GPL");
  t.deepEqual(
    [...spec.programs].sort((a, b) => (a.name < b.name ? -1 : 1)),
    [
      { name: "filter", section: "tc/ingress", type: "tc", frags: false },
      { name: "frags", section: "xdp.frags/late", type: "xdp", frags: true },
      { name: "odd", section: "xdp_anything", type: "other", frags: false },
    ],
  );
});

test("openObject() tells an object's maps: sizes, flags, templates of maps of maps", (t) => {
  const { maps } = openObject(compile(source, "everything"));
  const find = (name: string) => maps.find((map) => map.name === name);

  t.deepEqual(find("routes"), {
    name: "routes",
    role: "map",
    definition: { ...plain, type: "lpm_trie", keySize: 8, valueSize: 4, maxEntries: 9, flags: 1 },
    initial: null,
    pinPath: "/sys/fs/bpf/routes",
  });
  t.like(find("flows"), { role: "map", definition: { type: "lru_hash", keySize: 8, valueSize: 8, maxEntries: 1024, flags: 0 } });
  t.true((find("flows")?.definition.btfKey ?? 0) > 0 && (find("flows")?.definition.btfValue ?? 0) > 0);
  t.like(find("events"), { definition: { type: "perf_event_array", maxEntries: 0 } });
  t.like(find("shards"), { definition: { type: "hash_of_maps", inner: { type: "array", keySize: 4, valueSize: 8, maxEntries: 4 } } });
});

test("openObject() gives the first contents of global variables by the names of their sections", (t) => {
  const { maps } = openObject(compile(source, "everything"));
  const globals = Object.fromEntries(maps.filter(({ role }) => role !== "map").map(({ name, role, initial }) => [name, [role, initial]]));

  t.deepEqual(globals, {
    ".rodata": ["rodata", Uint8Array.from([7, 0, 0, 0])],
    ".rodata.names": ["rodata", Uint8Array.from([1, 2, 3])],
    ".data": ["data", Uint8Array.from([3, 0, 0, 0])],
    ".bss": ["bss", new Uint8Array(16)],
    ".kconfig": ["kconfig", null],
  });
});

test("openObject() fills in the sizes of BTF's sections", (t) => {
  const { btf } = openObject(compile(source, "everything"));

  // struct btf_type of kind DATASEC (15): info at 4, size at 8.
  const bytes = Buffer.from(btf ?? []);
  t.is(bytes.readUInt16LE(0), 0xeb9f);
  t.true(datasecSizes(bytes).length >= 4);
  t.false(datasecSizes(bytes).includes(0));
});

test("openObject() of the same file is the same every time, and an object without -g has no BTF", (t) => {
  const elf = compile(source, "everything");

  t.deepEqual(openObject(elf), openObject(new Uint8Array(elf)));

  const bare = openObject(compile('__attribute__((section("xdp"), used)) int one(void *ctx) { return 1; }', "bare", ["-g0"]));
  t.is(bare.btf, null);
  t.is(bare.license, "");
  t.like(bare.programs, [{ name: "one", section: "xdp" }]);
});

for (const [title, bytes, message] of [
  ["nothing", () => new Uint8Array(0), "Cannot read the eBPF object of 0 bytes: it does not begin like a little-endian ELF64 file"],
  ["text", () => Buffer.from("hello, world"), "Cannot read the eBPF object of 12 bytes: it does not begin like a little-endian ELF64 file"],
  ["a truncated object", () => compile(source, "everything").subarray(0, 400), "Cannot read the eBPF object of 400 bytes: it is cut off"],
  [
    "a call that leads nowhere",
    withoutCallRelocations,
    /^Cannot read the eBPF object of \d+ bytes: instruction \d+ of "xdp" calls a function without a relocation$/,
  ],
  [
    "a program of this machine",
    () => readFileSync(process.execPath).subarray(0),
    /^Cannot read the eBPF object of \d+ bytes: it is no relocatable file for BPF$/,
  ],
] as const) {
  test(`openObject() refuses ${title}`, (t) => {
    const error = t.throws(() => openObject(bytes()), { instanceOf: KernelError });

    t.is(error.call, "bpf_object__open_mem");
    if (typeof message === "string") t.is(error.message, message);
    else t.regex(error.message, message);
  });
}

/** Two callees whose relocations have become ones of another place: the first instruction. */
function withoutCallRelocations(): Uint8Array {
  const callees = ["second", "third"].map(
    (name) => `static __attribute__((noinline)) int ${name}(int a) { return a * ${name.length} + (a >> 2); }`,
  );
  const main = 'SEC("xdp") int first(struct xdp_md *ctx) { return second(ctx->rx_queue_index) + third(ctx->rx_queue_index); }';
  const elf = compile(["#include <linux/bpf.h>", "#include <bpf/bpf_helpers.h>", ...callees, main].join("\n"), "callees");
  const { relocations } = readElf(elf).sections.find(({ name }) => name === "xdp") as ElfSection;
  const bytes = Buffer.from(elf);
  for (const { offset } of relocations) {
    // struct elf64_rel: offset, then type 10, R_BPF_64_32.
    const record = Buffer.alloc(12);
    record.writeBigUInt64LE(BigInt(offset));
    record.writeUInt32LE(10, 8);
    bytes.writeBigUInt64LE(0n, bytes.indexOf(record));
  }
  return bytes;
}

/** Sizes of the DATASEC types, by walking over the types as they lie there. */
function datasecSizes(btf: Buffer): number[] {
  const start = btf.readUInt32LE(4) + btf.readUInt32LE(8);
  const end = start + btf.readUInt32LE(12);
  const sizes: number[] = [];
  for (let at = start; at < end; ) {
    const info = btf.readUInt32LE(at + 4);
    const [kind, count] = [(info >>> 24) & 31, info & 0xffff];
    if (kind === 15) sizes.push(btf.readUInt32LE(at + 8));
    at += 12 + extraBytes(kind, count);
  }
  return sizes;
}

function extraBytes(kind: number, count: number): number {
  const perMember: Readonly<Record<number, number>> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };
  const fixed: Readonly<Record<number, number>> = { 1: 4, 3: 12, 14: 4, 17: 4 };
  return (perMember[kind] ?? 0) * count + (fixed[kind] ?? 0);
}

test("a section says what a function is for: a hook, something else than an interface, or nothing that libbpf knows", (t) => {
  const sections = [
    "xdp",
    "tc",
    "kprobe/f",
    "kprobe.multi/f",
    "uretprobe.s",
    "tp/a/b",
    "raw_tp.w/x",
    "fentry.s/f",
    "lsm",
    "iter.s/tcp",
    "cgroup_skb/egress",
  ];
  const unknown = ["mine", "kprobes", "socket1", "iterate/x", "ingress"];
  const functions = [...sections, ...unknown].map((section, index) => `SEC("${section}") int f${index}(void *ctx) { return 0; }`);
  const object = compile(["#include <linux/bpf.h>", "#include <bpf/bpf_helpers.h>", ...functions].join("\n"), "sections");

  const types = openObject(object).programs.map(({ section, type }) => `${section}: ${type}`);

  const expected = [
    "xdp: xdp",
    "tc: tc",
    ...sections.slice(2).map((section) => `${section}: foreign`),
    ...unknown.map((section) => `${section}: other`),
  ];
  t.deepEqual(types.sort(), expected.sort());
});
