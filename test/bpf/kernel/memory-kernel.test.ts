// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { exit, ldx, loadMap, loadMapValue, mov64Imm, stx } from "../../../bpf/asm/build.ts";
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { createMemoryKernel, type MemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { chainOf, constantChain, hashDefinition } from "./programs.ts";

const root = "/sys/fs/bpf/sluice";
const frame = new Uint8Array(60);

async function attached(verdict = 1): Promise<MemoryKernel> {
  const kernel = createMemoryKernel({ devices: ["eth0"] });
  await kernel.load(`${root}/a`, { chain: constantChain("xdp", verdict), maps: {} });
  await kernel.attach(`${root}/link`, { device: "eth0", hook: "xdp", program: `${root}/a`, mode: "auto" });
  return kernel;
}

test("MemoryKernel.dump() tells devices, attachments, pins and contents, without ids", async (t) => {
  const kernel = await attached();
  const [one, two] = [new Uint8Array([1, 0, 0, 0]), new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0])];
  kernel.addDevice("wlan0", { native: false });
  kernel.attachForeign("wlan0", "tc-ingress", { name: "theirs", verdict: 0 });
  await kernel.createMap(`${root}/m`, { name: "sl_allow", definition: hashDefinition, btf: null });
  await kernel.writeMap(`${root}/m`, packEntries([[one, two]], 4, 8), noEntries(4, 8));
  await kernel.createFrozenMap(`${root}/f`, "manifest", new Uint8Array([7]));
  await kernel.load(`${root}/b`, {
    chain: chainOf("tc-egress", [...loadMap(1, "step/m"), ...loadMapValue(2, "step/.rodata"), mov64Imm(0, 0), exit()], "user"),
    maps: {
      "step/m": { kind: "pinned", path: `${root}/m` },
      "step/.rodata": {
        kind: "constant",
        name: "ro",
        definition: { ...hashDefinition, type: "array", maxEntries: 1 },
        value: two,
        btf: null,
      },
    },
  });

  const text = kernel.dump().replaceAll(/[0-9a-f]{16}(?=,|\n)/g, "TAG");

  t.is(
    text,
    `device lo
device eth0
  xdp: link at ${root}/link, native, program at ${root}/a
device wlan0, generic XDP only
  tc-ingress: somebody else's, program "theirs" TAG
pin ${root}/a: program "constant" TAG, xdp, maps: none
pin ${root}/b: program "user" TAG, tc-egress, maps: step/.rodata constant, step/m ${root}/m
pin ${root}/f: frozen array "manifest", key 4, value 1, 1 entries at most
  00000000 = 07
pin ${root}/link: link on eth0 xdp, program at ${root}/a
pin ${root}/m: hash "sl_allow", key 4, value 8, 4 entries at most
  01000000 = TAG
`,
  );
});

test("MemoryKernel.send() runs what is attached, and lets packets through where nothing is", async (t) => {
  const kernel = await attached(1);

  t.like(kernel.send("eth0", "xdp", frame), { verdict: 1, programs: 1 });
  t.like(kernel.send("lo", "xdp", frame), { verdict: 2, programs: 0 });
  t.like(kernel.send("eth0", "tc-egress", frame), { verdict: -1, programs: 0 });
});

test("MemoryKernel.send() takes an unknown XDP verdict for aborted", async (t) => {
  t.is((await attached(1000)).send("eth0", "xdp", frame).verdict, 0);
});

for (const [first, expected] of [
  [-1, { verdict: 2, programs: 2 }],
  [0, { verdict: 0, programs: 1 }],
  [7, { verdict: 7, programs: 1 }],
  [3, { verdict: -1, programs: 1 }],
] as const) {
  test(`MemoryKernel.send() at tc: ${first} from the first program makes ${expected.verdict} of the list`, (t) => {
    const kernel = createMemoryKernel({ devices: ["eth0"] });
    kernel.attachForeign("eth0", "tc-ingress", { name: "first", verdict: first });
    kernel.attachForeign("eth0", "tc-ingress", { name: "second", verdict: 2 });

    t.like(kernel.send("eth0", "tc-ingress", frame), expected);
  });
}

test("MemoryKernel.attach() meets foreign programs and drivers without native XDP", async (t) => {
  const kernel = createMemoryKernel({ devices: ["eth0"] });
  kernel.addDevice("wlan0", { native: false });
  await kernel.load(`${root}/a`, { chain: constantChain("xdp", 2), maps: {} });
  kernel.attachForeign("eth0", "xdp", { name: "theirs", verdict: 2 });

  const busy = await t.throwsAsync(kernel.attach(`${root}/l`, { device: "eth0", hook: "xdp", program: `${root}/a`, mode: "auto" }), {
    instanceOf: KernelError,
  });
  const refused = await t.throwsAsync(kernel.attach(`${root}/l`, { device: "wlan0", hook: "xdp", program: `${root}/a`, mode: "native" }), {
    instanceOf: KernelError,
  });
  await kernel.attach(`${root}/l`, { device: "wlan0", hook: "xdp", program: `${root}/a`, mode: "auto" });

  t.is(busy.errno, "EBUSY");
  t.is(refused.errno, "EOPNOTSUPP");
  t.is((await kernel.attached("wlan0", "xdp"))[0]?.mode, "generic");
  kernel.detachForeign("eth0", "xdp", "theirs");
  t.deepEqual(await kernel.attached("eth0", "xdp"), []);
  t.throws(() => kernel.attachForeign("wlan0", "xdp", { name: "late", verdict: 2 }), {
    message: 'Cannot attach "late" to wlan0: a link holds its XDP hook',
  });
});

test("MemoryKernel tampers as bpftool does", async (t) => {
  const kernel = await attached();
  const [key, value] = [new Uint8Array(4), new Uint8Array(8).fill(3)];
  await kernel.createMap(`${root}/m`, { name: "m", definition: hashDefinition, btf: null });

  kernel.tamperPut(`${root}/m`, key, value);
  t.deepEqual(await kernel.readMap(`${root}/m`), packEntries([[key, value]], 4, 8));
  kernel.tamperDelete(`${root}/m`, key);
  t.is((await kernel.readMap(`${root}/m`)).count, 0);
  kernel.tamperDetach(`${root}/link`);
  t.deepEqual(await kernel.attached("eth0", "xdp"), []);
  t.like(
    (await kernel.pins(root)).find(({ kind }) => kind === "link"),
    { ifindex: 0 },
  );
  kernel.tamperUnpin(`${root}/m`);
  await t.throwsAsync(kernel.readMap(`${root}/m`), { message: `Nothing is pinned at "${root}/m": expected a map` });
});

test("MemoryKernel detaches a link that loses its only pin", async (t) => {
  const kernel = await attached();

  await kernel.unpin([`${root}/link`]);

  t.deepEqual(await kernel.attached("eth0", "xdp"), []);
});

test("MemoryKernel gives a device that comes back another ifindex, and its old link is dead", async (t) => {
  const kernel = await attached();
  const [, before] = await kernel.devices();

  const ifindex = kernel.addDevice("eth0");

  t.true(ifindex > (before?.ifindex ?? 0));
  t.like(
    (await kernel.pins(root)).find(({ kind }) => kind === "link"),
    { ifindex: 0 },
  );
  t.throws(() => kernel.removeDevice("eth7"), { message: 'There is no device "eth7"' });
});

test("MemoryKernel.load() refuses helpers it does not have by their names", async (t) => {
  const kernel = createMemoryKernel();
  const call = (number: number, src = 0) => chainOf("xdp", [{ opcode: 0x85, dst: 0, src, offset: 0, imm: number }, exit()]);

  const message = (text: string) => ({ instanceOf: KernelError, message: `Cannot load "constant": instruction 0: ${text}` });
  await t.throwsAsync(
    kernel.load(`${root}/p`, { chain: call(69), maps: {} }),
    message("The memory kernel has no bpf_fib_lookup (helper 69)"),
  );
  await t.throwsAsync(
    kernel.load(`${root}/p`, { chain: call(4711), maps: {} }),
    message("The memory kernel has no helper 4711 (helper 4711)"),
  );
  await t.throwsAsync(
    kernel.load(`${root}/p`, { chain: call(17, 2), maps: {} }),
    message("the memory kernel has no kernel functions, this is BTF id 17"),
  );
});

for (const [title, instructions, text] of [
  ["nothing", [], "it has no instructions"],
  [
    "a jump behind the end",
    [{ opcode: 0x05, dst: 0, src: 0, offset: 7, imm: 0 }],
    "instruction 0: it goes to 8, where no instruction starts",
  ],
  ["an open end", [mov64Imm(0, 1)], "instruction 0: last insn is not an exit or jmp"],
  ["half a constant", [{ opcode: 0x18, dst: 1, src: 0, offset: 0, imm: 0 }], "instruction 0: last insn is not an exit or jmp"],
  [
    "a map without a name",
    [{ opcode: 0x18, dst: 1, src: 1, offset: 0, imm: 3 }, exit(), exit()],
    "instruction 0: a map reference without a map",
  ],
  [
    "a BTF id",
    [{ opcode: 0x18, dst: 1, src: 3, offset: 0, imm: 3 }, exit(), exit()],
    "instruction 0: the memory kernel knows no constants of kind 3",
  ],
] as const) {
  test(`MemoryKernel.load() refuses ${title}`, async (t) => {
    const error = await t.throwsAsync(createMemoryKernel().load(`${root}/p`, { chain: chainOf("xdp", instructions), maps: {} }), {
      instanceOf: KernelError,
    });

    t.is(error.message, `Cannot load "constant": ${text}`);
    t.is(error.log, text);
  });
}

test("MemoryKernel.run() repeats on the same packet", async (t) => {
  const kernel = createMemoryKernel();
  const increment = { opcode: 0x07, dst: 3, src: 0, offset: 0, imm: 1 };
  await kernel.load(`${root}/p`, {
    chain: chainOf("xdp", [ldx("w", 2, 1, 0), ldx("b", 3, 2, 5), increment, stx("b", 2, 5, 3), mov64Imm(0, 2), exit()]),
    maps: {},
  });

  const { packet } = await kernel.run(`${root}/p`, { packet: frame, repeat: 5 });

  t.is(packet[5], 5);
  t.is(frame[5], 0, "the caller's packet stays as it is");
});

test("MemoryKernel.run() refuses packets that the real kernel or this one cannot take", async (t) => {
  const kernel = createMemoryKernel();
  await kernel.load(`${root}/x`, { chain: constantChain("xdp", 2), maps: {} });
  await kernel.load(`${root}/t`, { chain: constantChain("tc-ingress", 2), maps: {} });
  const ipv4 = new Uint8Array(20);
  ipv4.set([8, 0], 12);

  const run = (pin: string, packet: Uint8Array) => kernel.run(`${root}/${pin}`, { packet });
  const start = (length: number) => `Cannot run a program on a packet of ${length} bytes: `;
  await t.throwsAsync(run("x", new Uint8Array(13)), { message: `${start(13)}it has no Ethernet header` });
  await t.throwsAsync(run("x", new Uint8Array(3521)), { message: `${start(3521)}expected at most 3520, which are one piece` });
  await t.throwsAsync(run("t", new Uint8Array(3713)), { message: `${start(3713)}expected at most 3712, which are one piece` });
  await t.throwsAsync(run("t", ipv4), { message: `${start(20)}its IP header has 20 bytes` });
});
