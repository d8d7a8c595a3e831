// SPDX-License-Identifier: Apache-2.0
import { mov64Imm } from "../../../bpf/asm/build.ts";
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import { libbpf } from "../../../bpf/libbpf-ffi/library.ts";
import type { MapDefinition } from "../../../bpf/object/spec.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { printEntries, word } from "./both-kernels.ts";
import { type Call, constant, createMap, hash, load, mapUser, pins, put, read, remove, type Scene, sameAnswers, value } from "./scene.ts";

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
      "create one that is pinned elsewhere",
      (s) => s.kernel.createMap(`${s.root}/both`, { name: "m", definition: hash, btf: null, sameAs: [`${s.root}/none`, `${s.root}/m`] }),
    ],
    [
      "write where it is pinned a second time",
      async (s) => {
        await s.kernel.writeMap(`${s.root}/both`, packEntries([[word(7), word(9)]], 4, 4), noEntries(4, 0));
        return printEntries(await s.kernel.readMap(`${s.root}/m`), false);
      },
    ],
    ["create again one that is pinned twice", (s) => createMap(s, "both", hash)],
    [
      "create one that is pinned elsewhere, of another size",
      (s) =>
        s.kernel.createMap(`${s.root}/other`, { name: "m", definition: { ...hash, maxEntries: 3 }, btf: null, sameAs: [`${s.root}/gone`] }),
    ],
    ["unpin one of two", (s) => s.kernel.unpin([`${s.root}/both`])],
    ["read the other", async (s) => printEntries(await s.kernel.readMap(`${s.root}/m`), false)],
    ["remove what was written", (s) => s.kernel.writeMap(`${s.root}/m`, noEntries(4, 4), packEntries([[word(7), new Uint8Array()]], 4, 0))],
    ["unpin the one of another size", (s) => s.kernel.unpin([`${s.root}/other`])],
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
