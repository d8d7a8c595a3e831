// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import type { RelocateRequest } from "../../../bpf/kernel/kernel.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { createMemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { relocateFunction } from "../../../bpf/kernel/memory/relocate/relocate-function.ts";
import { readElf } from "../../../bpf/object/elf.ts";
import { compile } from "../../lab/compile.ts";
import { hashDefinition } from "./programs.ts";

const source = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char _license[] SEC("license") = "Dual BSD/GPL";
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
const volatile __u32 wanted = 5;
extern int LINUX_KERNEL_VERSION __kconfig;
static __attribute__((noinline)) int twice(struct xdp_md *ctx) { return ctx->data_end - ctx->data + wanted; }
SEC("xdp.frags") int filter(struct xdp_md *ctx) { __u32 key = wanted; return bpf_map_lookup_elem(&seen, &key) ? twice(ctx) : XDP_PASS; }
SEC("xdp") int versions(struct xdp_md *ctx) { return LINUX_KERNEL_VERSION; }
`;
const object = compile(source, "relocate");

function request(changes: Partial<RelocateRequest> = {}): RelocateRequest {
  return { object, function: "filter", hook: "xdp", globals: {}, maps: { seen: "/bpf/seen" }, ...changes };
}

test("relocateFunction() appends callees, names maps and tells licence and frags", (t) => {
  const program = relocateFunction(request());

  const maps = program.instructions.flatMap(({ map }) => (map === undefined ? [] : [map]));
  t.deepEqual([...new Set(maps)].sort(), [".rodata", "seen"]);
  t.is(program.license, "Dual BSD/GPL");
  t.true(program.frags);
  t.is(program.functions.length, 2);
  t.is(program.functions[0]?.instruction, 0);
  const call = program.instructions.findIndex(({ opcode, src }) => opcode === 0x85 && src === 1);
  t.is(program.functions[1]?.instruction, call + 1 + (program.instructions[call]?.imm ?? 0));
});

test("relocateFunction() refuses what it cannot relocate", (t) => {
  const refused = (changes: Partial<RelocateRequest>, message: string) =>
    t.throws(() => relocateFunction(request(changes)), { instanceOf: KernelError, message });

  refused({ function: "twice" }, 'Cannot relocate "twice": the object has no such function, only "filter", "versions"');
  refused({ function: "versions" }, 'Cannot relocate "versions": the memory kernel knows no externs, such as "LINUX_KERNEL_VERSION"');
  refused({ object: new Uint8Array(3) }, "Cannot read the eBPF object of 3 bytes: it does not begin like a little-endian ELF64 file");
});

test("MemoryKernel.relocate() wants a pin for every map, and constants of the right size", async (t) => {
  const kernel = createMemoryKernel();
  const refused = (changes: Partial<RelocateRequest>, message: string) =>
    t.throwsAsync(kernel.relocate(request(changes)), { instanceOf: KernelError, message });

  await refused({ maps: {} }, 'Cannot relocate "filter": it uses the map "seen", for which no pin is given');
  await refused({}, 'Nothing is pinned at "/bpf/seen": expected a map');
  await kernel.createMap("/bpf/seen", { name: "seen", definition: hashDefinition, btf: null });
  await refused({ globals: { ".rodata": new Uint8Array(3) } }, 'Cannot fill ".rodata": it has 4 bytes, 3 are given');
  t.is((await kernel.relocate(request({ globals: { ".rodata": new Uint8Array(4) } }))).name, "filter");
});

test("readElf() never crashes on damaged files: it reads them or throws KernelError", (t) => {
  const damage = fc.array(fc.tuple(fc.nat(object.length - 1), fc.nat(255)), { maxLength: 20 });
  fc.assert(
    fc.property(damage, fc.nat(object.length), (changes, length) => {
      const damaged = object.slice(0, length);
      for (const [at, byte] of changes) if (at < length) damaged[at] = byte;
      try {
        readElf(damaged);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test("relocateFunction() never crashes on damaged files", (t) => {
  fc.assert(
    fc.property(fc.nat(object.length - 1), fc.nat(255), (at, byte) => {
      const damaged = object.slice();
      damaged[at] = byte;
      try {
        relocateFunction(request({ object: damaged }));
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
  t.pass();
});
