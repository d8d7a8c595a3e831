// SPDX-License-Identifier: Apache-2.0
import type { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { prepareStep } from "./chains.ts";
import { constantSource, coreSource, kconfigSource, longLogSource, refusedSource, statefulSource } from "./sources.ts";

const packet = ethernet({}, ipv4({}, udp({})));
const drop = 1;
const pass = 2;

kernelTest("relocate() gives a function as plain data, with maps by name", async (t, lab) => {
  const object = lab.compile(statefulSource, "stateful");

  const { request } = await prepareStep(lab, object, "limited");

  const { chain } = request;
  const named = chain.instructions.flatMap(({ map }) => (map === undefined ? [] : [map]));
  t.deepEqual([...new Set(named)].sort(), [".bss", ".data", ".rodata", "by_length"]);
  t.is(chain.license, "GPL");
  t.is(chain.functions.length, 2, "the callee is appended");
  t.is(chain.functions[0]?.instruction, 0);
  t.true(chain.lines.length > 5);
  t.deepEqual(JSON.parse(JSON.stringify(chain.instructions)), chain.instructions, "plain data");
});

kernelTest("relocate() counts the instructions that the verifier walks through, and leaves nothing in the kernel", async (t, lab) => {
  const object = lab.compile(statefulSource, "stateful");
  const { maps } = await prepareStep(lab, object, "limited");
  const pins = await lab.kernel.pins(lab.root);

  const relocated = await lab.kernel.relocate({ object, function: "limited", hook: "xdp", globals: {}, maps });

  t.true((relocated.processedInstructions ?? 0) > 20);
  t.false(relocated.frags);
  t.deepEqual(await lab.kernel.pins(lab.root), pins);
});

kernelTest("relocate() refuses an object that names a map by its fd", async (t, lab) => {
  const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int guess(struct xdp_md *ctx) { return ctx->rx_queue_index * 0x1122334455667788 >> 62; }`;
  const object = Buffer.from(lab.compile(source, "guess"));
  // ld_imm64 of a number becomes one of a map: BPF_PSEUDO_MAP_FD in the upper half of the registers.
  const at = object.indexOf(Buffer.from("8877665500000000", "hex")) - 4;
  object[at + 1] = (object[at + 1] as number) | 0x10;

  const error = await t.throwsAsync(lab.kernel.relocate({ object, function: "guess", hook: "xdp", globals: {}, maps: {} }));

  t.is(error.name, "KernelError");
  t.is(error.message, 'Cannot relocate "guess": instruction 1 names fd 1432778632, which is no map of the object');
});

kernelTest("relocate() works at every hook, whatever the section says", async (t, lab) => {
  const object = lab.compile(constantSource(1), "constant");
  const relocate = async (name: string, hook: "xdp" | "tc-ingress" | "tc-egress") =>
    (await lab.kernel.relocate({ object, function: name, hook, globals: {}, maps: {} })).instructions.length;

  t.is(await relocate("answer", "xdp"), 2);
  t.is(await relocate("answer_tc", "tc-ingress"), 2);
  t.is(await relocate("answer_tc", "tc-egress"), 2);
  t.is(await relocate("answer", "tc-egress"), 2);
});

kernelTest("relocate() applies CO-RE and says when the kernel lacks what it asks for", async (t, lab) => {
  const object = lab.compile(coreSource, "core");
  const relocate = (name: string) => lab.kernel.relocate({ object, function: name, hook: "xdp", globals: {}, maps: {} });

  await t.notThrowsAsync(relocate("relocated"));
  const error = await t.throwsAsync<KernelError>(relocate("impossible"));

  t.regex(
    error.message,
    /^Cannot load "impossible": the verifier refused it.*: a CO-RE relocation of it failed: this kernel has no such type, member or value/,
  );
});

kernelTest("relocate() fills .kconfig as libbpf does", async (t, lab) => {
  const object = lab.compile(kconfigSource, "kconfig");

  const relocated = await lab.kernel.relocate({ object, function: "versioned", hook: "xdp", globals: {}, maps: {} });

  t.is(Buffer.from(relocated.kconfig ?? []).readUInt32LE(0) >> 16 >= 5, true);
});

kernelTest("relocate() throws the verifier's reason, with the whole log beside it", async (t, lab) => {
  const object = lab.compile(refusedSource, "refused");

  const error = await t.throwsAsync<KernelError>(lab.kernel.relocate({ object, function: "careless", hook: "xdp", globals: {}, maps: {} }));

  t.regex(
    error.message,
    /^Cannot load "careless": the verifier refused it at instruction 1( \(refused\.bpf\.c:\d+\))?: invalid access to packet, off=40 size=1, R1\(.*\): R1 offset is outside of the packet \(\d+ lines omitted\)$/,
  );
  t.is(error.call, "BPF_PROG_LOAD");
  t.is(error.errno, "EACCES");
  t.regex(error.log ?? "", /R1 offset is outside of the packet[^]*processed \d+ insns/);
});

kernelTest("relocate() gives the whole log, however long", async (t, lab) => {
  const object = lab.compile(longLogSource, "long_log");

  const error = await t.throwsAsync<KernelError>(
    lab.kernel.relocate({ object, function: "wandering", hook: "xdp", globals: {}, maps: {} }),
  );

  const log = error.log ?? "";
  t.true(log.length > 2 << 20);
  t.regex(log.slice(0, 200), /^func#0 @0\n0: |^0: /);
  t.regex(log.slice(-400), /invalid access to packet[^]*processed \d+ insns/);
  t.regex(error.message, /: invalid access to packet, .* lines omitted\)$/);
});

kernelTest("relocate() refuses a function that is not there, a map without a pin, and constants of another size", async (t, lab) => {
  const object = lab.compile(statefulSource, "stateful");
  const { maps } = await prepareStep(lab, object, "limited");
  const request = { object, function: "limited", hook: "xdp", globals: {}, maps } as const;

  await t.throwsAsync(lab.kernel.relocate({ ...request, function: "limit" }), {
    message: 'Cannot relocate "limit": the object has no such function, only "limited", "unrelated"',
  });
  await t.throwsAsync(lab.kernel.relocate({ ...request, maps: { ".bss": maps[".bss"] as string, ".data": maps[".data"] as string } }), {
    message: 'Cannot relocate "limited": it uses the map "by_length", for which no pin is given',
  });
  await t.throwsAsync(lab.kernel.relocate({ ...request, globals: { ".rodata": new Uint8Array(4) } }), {
    message: 'Cannot fill ".rodata": it has 8 bytes, 4 are given',
  });
});

kernelTest("load() pins a program that runs with its maps and constants", async (t, lab) => {
  const object = lab.compile(statefulSource, "stateful");
  const { request, maps } = await prepareStep(lab, object, "limited");
  const limit = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);
  const rodata = request.maps[".rodata"];
  t.is(rodata?.kind, "constant");
  const bindings = rodata?.kind === "constant" ? { ...request.maps, ".rodata": { ...rodata, value: limit } } : {};
  await lab.kernel.writeMap(maps[".data"] as string, entry([0, 0, 0, 0], [1, 0, 0, 0]), entry([0, 0, 0, 0], [0, 0, 0, 0], 0));

  await lab.kernel.load(`${lab.root}/program`, { ...request, maps: bindings });

  t.is((await lab.kernel.run(`${lab.root}/program`, { packet })).verdict, pass);
  t.is((await lab.kernel.run(`${lab.root}/program`, { packet })).verdict, drop);
  const counted = await lab.kernel.readMap(maps["by_length"] as string);
  t.is(counted.count, 1);
  t.is(Buffer.from(counted.values).readBigUInt64LE(), 2n);
  const found = (await lab.kernel.pins(lab.root)).find(({ path }) => path.endsWith("/program"));
  t.like(found, { kind: "program", name: "limited" });
  t.is(found?.kind === "program" ? found.maps.length : 0, 4);
});

kernelTest("load() again is content, and another kind of pin in the way is refused", async (t, lab) => {
  const object = lab.compile(statefulSource, "stateful");
  const { request, maps } = await prepareStep(lab, object, "limited");
  await lab.kernel.load(`${lab.root}/program`, request);
  const before = await lab.kernel.pins(lab.root);

  await lab.kernel.load(`${lab.root}/program`, request);

  t.deepEqual(await lab.kernel.pins(lab.root), before);
  const taken = maps["by_length"] as string;
  await t.throwsAsync(lab.kernel.load(taken, request), {
    message: `Cannot pin a program at "${taken}": a map is pinned there (EEXIST)`,
  });
});

kernelTest("load() that fails leaves nothing behind", async (t, lab) => {
  const object = lab.compile(statefulSource, "stateful");
  const { request } = await prepareStep(lab, object, "limited");
  const before = await lab.kernel.pins(lab.root);
  const broken = {
    ...request,
    chain: { ...request.chain, functions: [], lines: [], instructions: request.chain.instructions.slice(0, 3) },
  };

  await t.throwsAsync(lab.kernel.load(`${lab.root}/deep/er/program`, broken), {
    message: /^Cannot load "limited": the verifier refused it/,
  });
  const missing = { ...request, maps: {} };
  await t.throwsAsync(lab.kernel.load(`${lab.root}/deep/er/program`, missing), {
    message: /^Cannot load "limited": it uses the map ".*", which is not among the given ones \(\)$/,
  });

  t.deepEqual(await lab.kernel.pins(lab.root), before);
});

kernelTest("openObject() and the kernel agree on what a map is", async (t, lab) => {
  const object = lab.compile(statefulSource, "stateful");
  await prepareStep(lab, object, "limited");

  const pins = await lab.kernel.pins(`${lab.root}/step`);

  const definition = openObject(object).maps.find(({ name }) => name === "by_length")?.definition;
  t.like(
    pins.find(({ path }) => path.endsWith("/by_length")),
    { kind: "map", name: "by_length", type: definition?.type, keySize: 4, valueSize: 8, maxEntries: 64 },
  );
});

function entry(key: readonly number[], value: readonly number[], count = 1) {
  return {
    keySize: 4,
    valueSize: 4,
    count,
    keys: Uint8Array.from(count === 0 ? [] : key),
    values: Uint8Array.from(count === 0 ? [] : value),
  };
}
