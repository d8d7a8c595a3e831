// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { readBtf } from "../../../bpf/btf/read.ts";
import { readElf } from "../../../bpf/object/elf.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { words } from "../btf/write-btf.ts";

/*
 * Small files that ask for much memory or time: what they refer to, they refer to again and again. Without the checks of the readers each of
 * these takes gigabytes or minutes.
 */

interface Section {
  readonly type: number;
  readonly size: number;
  readonly offset?: number;
  readonly info?: number;
  readonly link?: number;
}

const types = { symbols: 2, strings: 3, noBits: 8, relocations: 9 };

/** An object of these sections behind section 0, whose headers lie behind `content`; the first string table holds their names. */
function object(content: Buffer, sections: readonly Section[]): Buffer {
  const all: readonly Section[] = [{ type: 0, size: 0 }, ...sections];
  const header = Buffer.alloc(64);
  Buffer.from("7f454c46020101", "hex").copy(header);
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(247, 18);
  header.writeBigUInt64LE(BigInt(64 + content.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(all.length, 60);
  header.writeUInt16LE(all.findIndex(({ type }) => type === types.strings) & 0xffff, 62);
  return Buffer.concat([header, content, ...all.map(sectionHeader)]);
}

function sectionHeader({ type, size, offset = 64, info = 0, link = 0 }: Section): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(type, 4);
  bytes.writeBigUInt64LE(BigInt(offset), 24);
  bytes.writeBigUInt64LE(BigInt(size), 32);
  bytes.writeUInt32LE(link, 40);
  bytes.writeUInt32LE(info, 44);
  return bytes;
}

const strings = { type: types.strings, size: 1 };
const many = <Item>(count: number, item: (index: number) => Item): readonly Item[] => Array.from({ length: count }, (_, at) => item(at));

const hungry: readonly (readonly [title: string, object: () => Uint8Array, reason: string])[] = [
  [
    "variables of 3 GB",
    () => object(Buffer.alloc(1), [strings, { type: types.noBits, size: 3e9 }]),
    "its variables without a value take 3000000000 bytes, at most 268435456 are taken",
  ],
  [
    "a hundred sections with variables of 100 MB",
    () => object(Buffer.alloc(1), [strings, ...many(100, () => ({ type: types.noBits, size: 1e8 }))]),
    "its variables without a value take 10000000000 bytes, at most 268435456 are taken",
  ],
  [
    "ten thousand sections with the same relocations",
    () => object(Buffer.alloc(1 << 20), [strings, ...many(10_000, () => ({ type: types.relocations, size: 1 << 20, info: 1 }))]),
    "its sections of relocations overlap",
  ],
  [
    "section headers that are one and the same",
    () => withHeaderSize(object(Buffer.alloc(1 << 20), [strings, ...many(60_000, () => strings)]), 0),
    "its section headers have 0 bytes each, not 64",
  ],
  ["symbols whose names are the ends of one another", symbolsWithOneName, "its names overlap"],
];

for (const [title, bytes, reason] of hungry) {
  test(`openObject() refuses ${title}`, (t) => {
    const file = bytes();

    t.throws(() => openObject(file), { message: `Cannot read the eBPF object of ${file.length} bytes: ${reason}` });
  });
}

test("readElf() reads sixty thousand sections in one walk", (t) => {
  const file = object(Buffer.alloc(16), [
    strings,
    ...many(60_000, (index) => ({ type: index % 2 === 0 ? types.relocations : 1, size: 0 })),
  ]);

  t.is(readElf(file).sections.length, 60_002);
});

test("readBtf() refuses types whose names are the ends of one another", (t) => {
  const count = 50_000;
  const text = Buffer.from(`\0${"x".repeat(4_000_000)}\0`);
  const typedefs = Buffer.concat(many(count, (index) => words(1 + index, 2 << 24, 0)));
  const raw = Buffer.concat([words(0x0001_eb9f, 24, 0, typedefs.length, typedefs.length, text.length), typedefs, text]);

  t.throws(() => readBtf(raw), { message: /^Cannot read BTF: its names overlap, at byte \d+ of the BTF$/ });
});

function withHeaderSize(file: Buffer, size: number): Buffer {
  file.writeUInt16LE(size, 58);
  return file;
}

/** Symbol n begins with the n-th letter of a name of four million. */
function symbolsWithOneName(): Uint8Array {
  const [count, length] = [50_000, 4_000_000];
  const table = Buffer.alloc(count * 24);
  for (let index = 0; index < count; index += 1) table.writeUInt32LE(index, index * 24);
  const content = Buffer.concat([table, Buffer.alloc(length, "x"), Buffer.alloc(1)]);
  return object(content, [
    { type: types.strings, size: length + 1, offset: 64 + table.length },
    { type: types.symbols, size: table.length, link: 1 },
  ]);
}
