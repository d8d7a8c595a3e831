// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { exit, mov64Imm } from "../../../bpf/asm/build.ts";
import type { LinkedChain } from "../../../bpf/chain/linked-chain.ts";
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import type { AttachRequest, HookKind, Kernel, Pin } from "../../../bpf/kernel/kernel.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import type { MemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { libbpf } from "../../../bpf/libbpf-ffi/library.ts";
import type { MapDefinition } from "../../../bpf/object/spec.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ip } from "../../lab/lab.ts";
import { bothKernels, printEntries, word } from "./both-kernels.ts";

/** What one kernel is asked, and what the world does in between. */
interface Scene {
  readonly kernel: Kernel;
  readonly root: string;
  readonly device: string;
  /** Makes the device vanish, and come back under the same name. */
  removeDevice(): void;
  addDevice(): void;
}

/** One call of the script; what it gives back is compared, an errno when it throws. */
type Call = readonly [title: string, run: (scene: Scene) => Promise<unknown>];

const hash: MapDefinition = { type: "hash", keySize: 4, valueSize: 8, maxEntries: 2, flags: 0, btfKey: 0, btfValue: 0, inner: null };
const types: readonly MapDefinition[] = [
  { ...hash, type: "array" },
  { ...hash, type: "percpu_array", valueSize: 12 },
  { ...hash, type: "percpu_hash" },
  { ...hash, type: "lru_hash", maxEntries: 16 },
  { ...hash, type: "lpm_trie", keySize: 8, flags: 1 },
];
const impossible: readonly (readonly [string, MapDefinition])[] = [
  ["no entries", { ...hash, maxEntries: 0 }],
  ["no key", { ...hash, keySize: 0 }],
  ["no value", { ...hash, valueSize: 0 }],
  ["an array with a long key", { ...hash, type: "array", keySize: 8 }],
  ["a prefix tree with memory set aside", { ...hash, type: "lpm_trie", keySize: 8 }],
  ["a prefix tree with a short key", { ...hash, type: "lpm_trie", flags: 1 }],
  ["a ring buffer of odd size", { ...hash, type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 5000 }],
  ["a ring buffer with values", { ...hash, type: "ringbuf", maxEntries: 4096 }],
  ["a large value for each CPU", { ...hash, type: "percpu_hash", valueSize: 40_000 }],
];

kernelTest("MemoryKernel answers as the real kernel does: maps", async (t, lab) => {
  await sameAnswers(t, lab, [
    ...impossible.map(
      ([title, definition]): Call => [title, (s) => s.kernel.createMap(`${s.root}/x`, { name: "x", definition, btf: null })],
    ),
    ["create", (s) => createMap(s, "m", hash)],
    ["create again", (s) => createMap(s, "m", hash)],
    ["create with another size", (s) => createMap(s, "m", { ...hash, maxEntries: 3 })],
    ["create with another type", (s) => createMap(s, "m", { ...hash, type: "lru_hash" })],
    [
      "create with a long name",
      (s) => s.kernel.createMap(`${s.root}/long`, { name: "a_name_longer_than_it", definition: hash, btf: null }),
    ],
    ["create below a map", (s) => createMap(s, "m/below", hash)],
    ["create with a dot", (s) => createMap(s, "a.b", hash)],
    ["create where directories are", (s) => createMap(s, "d/e/f", hash)],
    ["create over a directory", (s) => createMap(s, "d/e", hash)],
    ["read a directory", (s) => s.kernel.readMap(`${s.root}/d/e`)],
    ["detach a directory", (s) => s.kernel.detach(`${s.root}/d/e`)],
    ["create below a map again", (s) => createMap(s, "d/e/f/g", hash)],
    ["read nothing", (s) => s.kernel.readMap(`${s.root}/none`)],
    ["write nothing to nothing", (s) => s.kernel.writeMap(`${s.root}/none`, noEntries(4, 8), noEntries(4, 8))],
    ["write to nothing", (s) => put(s, "none", 1, 1)],
    ["write", (s) => put(s, "m", 1, 1)],
    ["overwrite", (s) => put(s, "m", 1, 2)],
    ["write wrong sizes", (s) => s.kernel.writeMap(`${s.root}/m`, packEntries([[word(1), word(1)]], 4, 4), noEntries(4, 8))],
    [
      "delete wrong sizes",
      (s) => s.kernel.writeMap(`${s.root}/m`, noEntries(4, 8), packEntries([[new Uint8Array(8), new Uint8Array(0)]], 8, 0)),
    ],
    ["delete absent", (s) => remove(s, "m", [9, 8, 7])],
    ["fill", (s) => put(s, "m", 2, 2)],
    ["write beyond full", (s) => put(s, "m", 3, 3)],
    ["read", (s) => read(s, "m")],
    [
      "delete and put at once",
      (s) => s.kernel.writeMap(`${s.root}/m`, packEntries([[word(5), value(5)]], 4, 8), packEntries([[word(1), new Uint8Array(0)]], 4, 0)),
    ],
    [
      "stops where it is full",
      (s) =>
        s.kernel.writeMap(
          `${s.root}/m`,
          packEntries(
            [
              [word(5), value(6)],
              [word(7), value(7)],
              [word(2), value(9)],
            ],
            4,
            8,
          ),
          noEntries(4, 8),
        ),
    ],
    ["read after that", (s) => read(s, "m")],
    ["unpin", (s) => s.kernel.unpin([`${s.root}/m`, `${s.root}/none`])],
    ["unpin again", (s) => s.kernel.unpin([`${s.root}/m`])],
    ["pins", (s) => pins(s)],
    ["pins of nothing", (s) => s.kernel.pins(`${s.root}/none`)],
  ]);
});

kernelTest("MemoryKernel answers as the real kernel does: types of map", async (t, lab) => {
  for (const definition of types) {
    const size = definition.valueSize === 12 ? 16 : 8;
    const percpu = definition.type.startsWith("percpu");
    const stored = percpu ? size * libbpf().libbpf_num_possible_cpus() : size;
    const key = (number: number) => (definition.keySize === 8 ? new Uint8Array([number, 0, 0, 0, 10, 1, 2, 3]) : word(number));
    const write = (number: number) => (s: Scene) =>
      s.kernel.writeMap(
        `${s.root}/m`,
        packEntries([[key(number), new Uint8Array(stored).fill(number)]], definition.keySize, stored),
        noEntries(definition.keySize, 0),
      );
    const contents = async (s: Scene) => printEntries(await s.kernel.readMap(`${s.root}/m`), false);
    await sameAnswers(t, lab, [
      ["create", (s) => createMap(s, "m", definition)],
      ["read empty", contents],
      ["write 0", write(0)],
      ["write 1", write(1)],
      ["write 9", write(9)],
      ["write 40", write(40)],
      ["read", contents],
      [
        "delete",
        (s) =>
          s.kernel.writeMap(
            `${s.root}/m`,
            noEntries(definition.keySize, 0),
            packEntries([[key(1), new Uint8Array(0)]], definition.keySize, 0),
          ),
      ],
      [
        "delete absent",
        (s) =>
          s.kernel.writeMap(
            `${s.root}/m`,
            noEntries(definition.keySize, 0),
            packEntries([[key(2), new Uint8Array(0)]], definition.keySize, 0),
          ),
      ],
      ["read after delete", contents],
      ["pins", (s) => pins(s)],
      ["unpin", (s) => s.kernel.unpin([`${s.root}/m`])],
    ]);
  }
});

kernelTest("MemoryKernel answers as the real kernel does: frozen maps and programs", async (t, lab) => {
  await sameAnswers(t, lab, [
    ["freeze", (s) => s.kernel.createFrozenMap(`${s.root}/f`, "manifest", value(1))],
    ["freeze again", (s) => s.kernel.createFrozenMap(`${s.root}/f`, "manifest", value(1))],
    ["freeze another value", (s) => s.kernel.createFrozenMap(`${s.root}/f`, "manifest", value(2))],
    ["freeze another size", (s) => s.kernel.createFrozenMap(`${s.root}/f`, "manifest", word(1))],
    ["write to frozen", (s) => put(s, "f", 0, 2)],
    ["read frozen", (s) => read(s, "f")],
    ["load", (s) => load(s, "p", "xdp", 2)],
    ["load again", (s) => load(s, "p", "xdp", 1)],
    ["load over a map", (s) => load(s, "f", "xdp", 1)],
    ["load without its map", (s) => s.kernel.load(`${s.root}/q`, { chain: mapUser(), maps: {} })],
    [
      "load with a map that is not there",
      (s) => s.kernel.load(`${s.root}/q`, { chain: mapUser(), maps: { m: { kind: "pinned", path: `${s.root}/none` } } }),
    ],
    [
      "load with a program for a map",
      (s) => s.kernel.load(`${s.root}/q`, { chain: mapUser(), maps: { m: { kind: "pinned", path: `${s.root}/p` } } }),
    ],
    ["load with its map", (s) => s.kernel.load(`${s.root}/q`, { chain: mapUser(), maps: { m: { kind: "pinned", path: `${s.root}/f` } } })],
    [
      "load a jump to nowhere",
      (s) => s.kernel.load(`${s.root}/r`, { chain: { ...constant("xdp", 2), instructions: [mov64Imm(0, 2)] }, maps: {} }),
    ],
    ["read a program", (s) => s.kernel.readMap(`${s.root}/p`)],
    ["create a map over a program", (s) => createMap(s, "p", hash)],
    ["freeze over a program", (s) => s.kernel.createFrozenMap(`${s.root}/p`, "manifest", value(1))],
    ["run", async (s) => (await s.kernel.run(`${s.root}/p`, { packet: new Uint8Array(60), repeat: 3 })).verdict],
    ["run on too little", (s) => s.kernel.run(`${s.root}/p`, { packet: new Uint8Array(13) })],
    ["run a map", (s) => s.kernel.run(`${s.root}/f`, { packet: new Uint8Array(60) })],
    ["run nothing", (s) => s.kernel.run(`${s.root}/none`, { packet: new Uint8Array(60) })],
    ["detach a map", (s) => s.kernel.detach(`${s.root}/f`)],
    ["pins", (s) => pins(s)],
  ]);
});

for (const hook of ["xdp", "tc-ingress", "tc-egress"] as const) {
  kernelTest(`MemoryKernel answers as the real kernel does: links at ${hook}`, async (t, lab) => {
    const other: HookKind = hook === "xdp" ? "tc-ingress" : "xdp";
    const attach = (s: Scene, link: string, program: string, more: Partial<AttachRequest> = {}) =>
      s.kernel.attach(`${s.root}/${link}`, { device: s.device, hook, program: `${s.root}/${program}`, mode: "auto", ...more });
    const update = (link: string, from: string | null, to: string) => (s: Scene) =>
      s.kernel.switchLink(`${s.root}/${link}`, from === null ? null : `${s.root}/${from}`, `${s.root}/${to}`);
    await sameAnswers(t, lab, [
      ["load a", (s) => load(s, "a", hook, 2)],
      ["load b", (s) => load(s, "b", hook, 1)],
      ["load c", (s) => load(s, "c", hook, 0)],
      ["load for another hook", (s) => load(s, "other", other, 0)],
      ["attach to no device", (s) => attach(s, "link", "a", { device: "nodev0" })],
      ["attach nothing", (s) => attach(s, "link", "none")],
      ["attach another hook's", (s) => attach(s, "link", "other")],
      ["attached before", (s) => attached(s, hook)],
      ["attached to no device", (s) => s.kernel.attached("nodev0", hook)],
      ["attach", (s) => attach(s, "link", "a")],
      ["attach again", (s) => attach(s, "link", "a")],
      ["attach another to the same pin", (s) => attach(s, "link", "b")],
      ["attach at a program's pin", (s) => attach(s, "b", "a")],
      ["attach the same twice", (s) => attach(s, "link2", "a")],
      ...(hook === "xdp" ? xdpConflicts(attach) : []),
      ["attached", (s) => attached(s, hook)],
      ["switch", update("link", "a", "b")],
      ["switch again", update("link", "a", "b")],
      ["switch from a third", update("link", "a", "c")],
      ["switch from nothing", update("link", "none", "c")],
      ["switch to nothing", update("link", "b", "none")],
      ["switch to another hook's", update("link", "b", "other")],
      ["switch no link", update("none", "b", "c")],
      ["switch a program", update("a", "b", "c")],
      ["switch from anything", update("link", null, "c")],
      ["attached after", (s) => attached(s, hook)],
      ["pins", (s) => pins(s)],
      ["detach", (s) => s.kernel.detach(`${s.root}/link`)],
      ["detach again", (s) => s.kernel.detach(`${s.root}/link`)],
      ["detach a program", (s) => s.kernel.detach(`${s.root}/a`)],
      ["attached in the end", (s) => attached(s, hook)],
      ["attach anew", (s) => attach(s, "link", "b")],
      ["the device vanishes", async (s) => s.removeDevice()],
      ["pins without device", (s) => pins(s)],
      ["switch without device", update("link", "b", "c")],
      ["switch without device to what it holds", update("link", "b", "b")],
      ["attach without device", (s) => attach(s, "link", "b")],
      ["the device comes back", async (s) => s.addDevice()],
      ["attached to the new one", (s) => attached(s, hook)],
      ["attach where a dead link is pinned", (s) => attach(s, "link", "b")],
      ["detach the dead link", (s) => s.kernel.detach(`${s.root}/link`)],
      ["attach to the new one", (s) => attach(s, "link", "b")],
      ["attached to the new one at last", (s) => attached(s, hook)],
      ["detach at last", (s) => s.kernel.detach(`${s.root}/link`)],
    ]);
  });
}

function xdpConflicts(attach: (s: Scene, link: string, program: string, more?: Partial<AttachRequest>) => Promise<void>): Call[] {
  return [
    ["attach a second in native mode", (s) => attach(s, "link2", "b", { mode: "native" })],
    ["attach a second in generic mode", (s) => attach(s, "link2", "b", { mode: "generic" })],
  ];
}

/** Runs the script on both kernels and compares answer by answer. */
async function sameAnswers(t: ExecutionContext, lab: Lab, script: readonly Call[]): Promise<void> {
  const { memory } = bothKernels(lab);
  const { inside, outside } = await lab.veth();
  memory.addDevice(inside);
  const real: Scene = { kernel: lab.kernel, root: lab.root, device: inside, ...realDevice(inside, outside) };
  const imagined: Scene = { kernel: memory, root: lab.root, device: inside, ...memoryDevice(memory, inside) };
  for (const [title, run] of script) {
    const expected = await answer(run, real);

    const actual = await answer(run, imagined);

    t.deepEqual(actual, expected, title);
  }
  await lab.kernel.unpin((await lab.kernel.pins(lab.root)).map(({ path }) => path));
}

function realDevice(inside: string, outside: string): Pick<Scene, "addDevice" | "removeDevice"> {
  return {
    removeDevice: () => void ip(`link del ${inside}`),
    addDevice: () => void ip(`link add ${inside} type veth peer name ${outside}`),
  };
}

function memoryDevice(memory: MemoryKernel, name: string): Pick<Scene, "addDevice" | "removeDevice"> {
  return { removeDevice: () => memory.removeDevice(name), addDevice: () => void memory.addDevice(name) };
}

async function answer(run: Call[1], scene: Scene): Promise<unknown> {
  try {
    return { gives: await run(scene) };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { throws: error.errno };
  }
}

function createMap({ kernel, root }: Scene, name: string, definition: MapDefinition): Promise<void> {
  return kernel.createMap(`${root}/${name}`, { name: "map", definition, btf: null });
}

function put({ kernel, root }: Scene, map: string, key: number, content: number): Promise<void> {
  return kernel.writeMap(`${root}/${map}`, packEntries([[word(key), value(content)]], 4, 8), noEntries(4, 8));
}

function remove({ kernel, root }: Scene, map: string, keys: readonly number[]): Promise<void> {
  const deletes = packEntries(
    keys.map((key) => [word(key), new Uint8Array(0)] as const),
    4,
    0,
  );
  return kernel.writeMap(`${root}/${map}`, noEntries(4, 8), deletes);
}

async function read({ kernel, root }: Scene, map: string): Promise<readonly string[]> {
  return printEntries(await kernel.readMap(`${root}/${map}`), false);
}

function load({ kernel, root }: Scene, name: string, hook: HookKind, verdict: number): Promise<void> {
  return kernel.load(`${root}/${name}`, { chain: constant(hook, verdict), maps: {} });
}

function constant(hook: HookKind, verdict: number): LinkedChain {
  const instructions = [mov64Imm(0, verdict), exit()];
  return {
    kind: "linked",
    name: "constant",
    hook,
    license: "GPL",
    frags: false,
    instructions,
    btf: null,
    functions: [],
    lines: [],
    steps: [],
  };
}

/** Names the map "m" and does nothing with it. */
function mapUser(): LinkedChain {
  const second = { opcode: 0, dst: 0, src: 0, offset: 0, imm: 0 };
  const wide = { opcode: 0x18, dst: 1, src: 1, offset: 0, imm: 0, map: "m" };
  return { ...constant("xdp", 2), instructions: [wide, second, mov64Imm(0, 2), exit()] };
}

/** Without ids, and with the ifindex only as dead or alive: both count on their own. */
async function pins({ kernel, root }: Scene): Promise<unknown> {
  return (await kernel.pins(root)).map((pin) => describePin(pin));
}

function describePin(pin: Pin): unknown {
  switch (pin.kind) {
    case "link":
      return { kind: pin.kind, path: pin.path, alive: pin.ifindex > 0 };
    case "program":
      return { kind: pin.kind, path: pin.path, name: pin.name, tagged: /^[0-9a-f]{16}$/.test(pin.tag), maps: pin.maps.length };
    case "map":
      return { ...pin, id: null };
  }
}

async function attached({ kernel, device, root }: Scene, hook: HookKind): Promise<unknown> {
  const links = (await kernel.pins(root)).filter((pin) => pin.kind === "link");
  const programs = await kernel.attached(device, hook);
  return programs.map(({ programId, linkId, name, mode }) => ({
    name,
    mode,
    ours: links.some(({ id, programId: held }) => id === linkId && held === programId),
  }));
}

function value(number: number): Uint8Array {
  return new Uint8Array(8).fill(number);
}
