// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { BtfError } from "../../../bpf/btf/btf-error.ts";
import { describeType } from "../../../bpf/btf/describe.ts";
import { readBtf } from "../../../bpf/btf/read.ts";
import { bitRange, findSection, resolveType, sizeOf, variables } from "../../../bpf/btf/resolve.ts";
import type { Btf, BtfType } from "../../../bpf/btf/types.ts";
import { sample, typeNamed } from "./sample.ts";
import { words, writeBtf } from "./write-btf.ts";

const int: BtfType = { kind: "int", name: "int", size: 4, encoding: "signed", bits: 32, bitOffset: 0 };

function ofTypes(...types: readonly BtfType[]): Btf {
  return { types: [{ kind: "void" }, ...types] };
}

/** A blob with these words as its types and one string, "a". */
function rawTypes(...values: readonly number[]): Uint8Array {
  return Buffer.concat([words(0x0001_eb9f, 24, 0, values.length * 4, values.length * 4, 3), words(...values), Buffer.from("\0a\0")]);
}

test("readBtf() reads all kinds", (t) => {
  const btf = ofTypes(
    int,
    { kind: "pointer", type: 0 },
    { kind: "array", element: 1, index: 1, count: 3 },
    { kind: "struct", name: "s", size: 8, members: [{ name: "m", type: 1, bitOffset: 3, bitSize: 5 }] },
    { kind: "union", name: "", size: 4, members: [{ name: "m", type: 1, bitOffset: 0, bitSize: 0 }] },
    { kind: "enum", name: "e", size: 4, signed: true, values: [{ name: "LOW", value: -2n }] },
    { kind: "enum", name: "f", size: 4, signed: false, values: [{ name: "HIGH", value: 0xffff_fffen }] },
    { kind: "forward", name: "later", of: "struct" },
    { kind: "forward", name: "later", of: "union" },
    { kind: "typedef", name: "t", type: 1 },
    { kind: "volatile", name: "", type: 1 },
    { kind: "const", name: "", type: 1 },
    { kind: "restrict", name: "", type: 2 },
    { kind: "prototype", returns: 1, parameters: [{ name: "ctx", type: 2 }] },
    { kind: "function", name: "f", type: 14, linkage: "static" },
    { kind: "variable", name: "v", type: 1, linkage: "global" },
    { kind: "section", name: ".data", size: 4, variables: [{ type: 16, offset: 0, size: 4 }] },
    { kind: "float", name: "double", size: 8 },
    { kind: "declaration-tag", name: "tag", type: 4, component: -1 },
    { kind: "type-tag", name: "user", type: 1 },
    { kind: "enum64", name: "b", size: 8, signed: false, values: [{ name: "HUGE", value: 2n ** 64n - 1n }] },
    { kind: "enum64", name: "n", size: 8, signed: true, values: [{ name: "LOW", value: -(2n ** 63n) }] },
  );
  t.deepEqual(readBtf(writeBtf(btf)), btf);
});

const hostile: readonly (readonly [title: string, raw: Uint8Array, message: string])[] = [
  ["nothing", new Uint8Array(0), "Cannot read BTF: 0 bytes, the header alone has 24, at byte 0 of the BTF"],
  [
    "big endian",
    Buffer.concat([Buffer.from([0xeb, 0x9f]), words(0, 0, 0, 0, 0, 0)]),
    "Cannot read BTF: magic 0x9feb, expected 0xeb9f in little endian, at byte 0 of the BTF",
  ],
  ["another version", words(0x0002_eb9f, 24, 0, 0, 0, 0), "Cannot read BTF: version 2, expected 1, at byte 2 of the BTF"],
  ["a short header", words(0x0001_eb9f, 20, 0, 0, 0, 1), "Cannot read BTF: its sections end at 21, the blob at 24, at byte 4 of the BTF"],
  [
    "types beyond the end",
    words(0x0001_eb9f, 24, 0, 4, 0, 0),
    "Cannot read BTF: its sections end at 28, the blob at 24, at byte 4 of the BTF",
  ],
  [
    "strings beyond the end",
    words(0x0001_eb9f, 24, 0, 0, 0, 9),
    "Cannot read BTF: its sections end at 33, the blob at 24, at byte 4 of the BTF",
  ],
  ["no strings", words(0x0001_eb9f, 24, 0, 0, 0, 0), "Cannot read BTF: the strings do not begin and end with NUL, at byte 24 of the BTF"],
  [
    "strings without an end",
    Buffer.concat([words(0x0001_eb9f, 24, 0, 0, 0, 2), Buffer.from("\0a")]),
    "Cannot read BTF: the strings do not begin and end with NUL, at byte 24 of the BTF",
  ],
  ["a record of 8 bytes", rawTypes(0, 2 << 24), "Cannot read BTF: a type record is cut off, at byte 24 of the BTF"],
  ["members missing", rawTypes(0, (4 << 24) | 1, 4), "Cannot read BTF: a type record is cut off, at byte 24 of the BTF"],
  ["kind 0", rawTypes(0, 0, 0), "Cannot read BTF: unknown kind 0, expected 1 to 19, at byte 24 of the BTF"],
  ["kind 20", rawTypes(0, 20 << 24, 0), "Cannot read BTF: unknown kind 20, expected 1 to 19, at byte 24 of the BTF"],
  ["a name beyond the strings", rawTypes(3, 8 << 24, 0), "Cannot read BTF: name offset 3, the strings have 3 bytes, at byte 24 of the BTF"],
  ["a type that does not exist", rawTypes(1, 8 << 24, 2), "Cannot read BTF: type 2 is named, the last one is 1, at byte 32 of the BTF"],
  [
    "an integer of 17 bytes",
    rawTypes(1, 1 << 24, 17, 8),
    "Cannot read BTF: an integer of 17 bytes with 8 bits from bit 0, at byte 36 of the BTF",
  ],
  [
    "an integer without bits",
    rawTypes(1, 1 << 24, 4, 0),
    "Cannot read BTF: an integer of 4 bytes with 0 bits from bit 0, at byte 36 of the BTF",
  ],
  ["an unknown encoding", rawTypes(1, 1 << 24, 4, (8 << 24) | 32), "Cannot read BTF: unknown integer encoding 8, at byte 36 of the BTF"],
  ["an unknown linkage", rawTypes(1, (12 << 24) | 3, 0), "Cannot read BTF: unknown linkage 3, expected 0 to 2, at byte 28 of the BTF"],
  ["a function of an integer", rawTypes(1, 1 << 24, 4, 32, 1, 12 << 24, 1), "BTF type 2 is a function of type 1, which is no prototype"],
  [
    "a section of an integer",
    rawTypes(1, 1 << 24, 4, 32, 1, (15 << 24) | 1, 4, 1, 0, 4),
    "BTF type 2 is a section with type 1, which is neither a variable nor a function",
  ],
  ["a typedef of itself", rawTypes(1, 8 << 24, 1), "BTF type 1 contains itself, or is nested more than 64 deep"],
  ["a struct in itself", rawTypes(1, (4 << 24) | 1, 4, 1, 1, 0), "BTF type 1 contains itself, or is nested more than 64 deep"],
];
for (const [title, raw, message] of hostile) {
  test(`readBtf() refuses ${title}`, (t) => t.throws(() => readBtf(raw), { instanceOf: BtfError, message }));
}

test("readBtf() refuses types that unfold without end, or are nested too deep", (t) => {
  const doubled = Array.from({ length: 30 }, (_, index): BtfType => {
    const member = { name: "", type: index + 1, bitOffset: 0, bitSize: 0 };
    return { kind: "union", name: "", size: 4, members: [member, member] };
  });
  t.throws(() => readBtf(writeBtf(ofTypes(int, ...doubled))), {
    instanceOf: BtfError,
    message: "BTF type 20 unfolds to more than 1000000 parts",
  });

  const chain = Array.from({ length: 70 }, (_, index): BtfType => ({ kind: "const", name: "", type: index + 1 }));
  t.throws(() => readBtf(writeBtf(ofTypes(int, ...chain))), {
    instanceOf: BtfError,
    message: "BTF type 65 contains itself, or is nested more than 64 deep",
  });
});

test("resolveType() skips typedefs and qualifiers and knows network order", (t) => {
  const btf = ofTypes(
    int,
    { kind: "typedef", name: "__be32", type: 1 },
    { kind: "const", name: "", type: 2 },
    { kind: "typedef", name: "ip_t", type: 3 },
  );
  t.deepEqual(resolveType(btf, 4), { id: 1, type: int, bigEndian: true });
  t.deepEqual(resolveType(btf, 1), { id: 1, type: int, bigEndian: false });
});

test("sizeOf() refuses what is too large or has no size", (t) => {
  const btf = ofTypes(
    int,
    { kind: "array", element: 1, index: 1, count: 2 ** 28 + 1 },
    { kind: "prototype", returns: 0, parameters: [] },
    { kind: "section", name: ".bss", size: 12, variables: [{ type: 1, offset: 0, size: 4 }] },
    { kind: "array", element: 2, index: 1, count: 0 },
  );
  t.throws(() => sizeOf(btf, 2), { instanceOf: BtfError, message: "BTF type 2 takes 1073741828 bytes, more than any map holds" });
  t.throws(() => sizeOf(btf, 3), { instanceOf: BtfError, message: "BTF type 3 has no size: it leads to a prototype" });
  t.throws(() => sizeOf(btf, 0), { instanceOf: BtfError, message: "BTF type 0 has no size: it leads to a void" });
  t.is(sizeOf(btf, 4), 12);
  t.is(sizeOf(btf, 5), 0);
});

test("variables() lists a section of global variables", (t) => {
  const btf = sample();
  const section = findSection(btf, ".rodata") ?? 0;
  t.deepEqual(
    variables(btf, section).map(({ name, size }) => [name, size]),
    [
      ["max_backends", 4],
      ["label", 4],
    ],
  );
  t.is(findSection(btf, ".data.none"), null);
  t.throws(() => variables(btf, 0), { instanceOf: BtfError, message: "BTF type 0 is no section of variables but a void" });
  const odd = ofTypes(int, { kind: "section", name: ".bss", size: 12, variables: [{ type: 1, offset: 0, size: 4 }] });
  t.throws(() => variables(odd, 2), { instanceOf: BtfError, message: 'Section ".bss" holds BTF type 1, which is no variable' });
});

test("bitRange() knows the bitfields of old compilers", (t) => {
  const btf = ofTypes({ ...int, bits: 5, bitOffset: 2 }, int);
  const member = { name: "m", type: 1, bitOffset: 8, bitSize: 0 };
  t.deepEqual(bitRange(btf, member), { offset: 10, bits: 5 });
  t.is(bitRange(btf, { ...member, type: 2 }), null);
});

test("describeType() is the same for types that lie alike, whatever they are called", (t) => {
  const renamed = (inner: string, alias: string, member: string): Btf =>
    ofTypes(
      { ...int, name: alias },
      { kind: "typedef", name: alias, type: 1 },
      { kind: "struct", name: inner, size: 4, members: [{ name: member, type: 2, bitOffset: 0, bitSize: 0 }] },
      {
        kind: "struct",
        name: inner,
        size: 12,
        members: [
          { name: "x", type: 3, bitOffset: 0, bitSize: 0 },
          { name: "y", type: 3, bitOffset: 64, bitSize: 0 },
        ],
      },
    );

  t.is(describeType(renamed("a", "t", "m"), 4), "#0 4 {m @0 i32}\n#1 12 {x @0 #0, y @8 #0}\n#1");
  t.is(describeType(renamed("a", "t", "m"), 4), describeType(renamed("b", "u", "m"), 4));
  t.not(describeType(renamed("a", "t", "m"), 4), describeType(renamed("a", "t", "n"), 4));
});

test("describeType() describes every kind of member", (t) => {
  const btf = sample();
  t.is(describeType(btf, 0), "none");
  t.is(
    describeType(btf, typeNamed(btf, "struct", "bits")),
    "#0 8 {one bits 0+3 u32, two bits 3+5 i32, wide bits 8+40 u64, on bits 48+1 u8, shade bits 49+4 e32}\n#0",
  );
  t.is(describeType(btf, typeNamed(btf, "union", "either")), "#0 4 {a @0 u8, b @0 u32}\n#0");
  t.regex(
    describeType(btf, typeNamed(btf, "struct", "all")),
    /single @\d+ f32, twice @\d+ f64, blob @\d+ \[3\]u8.* where @\d+ pointer, matrix @\d+ \[2\]\[6\]u8/,
  );
  const forward = typeNamed(btf, "forward", "undefined");
  t.throws(() => describeType(btf, forward), { instanceOf: BtfError, message: `BTF type ${forward} has no layout: it is a forward` });
});
