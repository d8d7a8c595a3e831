// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { type FieldLayout, layoutOf } from "../../../bpf/btf/layout.ts";
import { matchFields, moveFields } from "../../../bpf/btf/match-fields.ts";
import { readBtf } from "../../../bpf/btf/read.ts";
import { findSection } from "../../../bpf/btf/resolve.ts";
import { compileBtf } from "./compile-btf.ts";

const btf = readBtf(
  compileBtf(
    `typedef unsigned int __u32; typedef unsigned long long __u64; typedef int __s32;
struct inner { __u32 hits; __u64 bytes; };
struct value { __u32 packets; struct inner in; __u32 history[4]; struct { __u32 hidden; }; union { __u32 a; __u64 b; }; __u32 flag : 3; __s32 drift; void *next; };
struct value named;
__u32 plain;`,
  ),
);
const id = (name: string) => btf.types.findIndex((type) => type.kind === "struct" && type.name === name);

test("layoutOf() lists parts by their paths, but for bitfields and members of unions", (t) => {
  t.deepEqual(
    layoutOf(btf, id("value")).map(({ path, offset, size, count, as }) => `${path} @${offset} ${count}x${size} ${as}`),
    [
      "packets @0 1x4 u32",
      "in.hits @8 1x4 u32",
      "in.bytes @16 1x8 u64",
      "history @24 4x4 u32",
      "hidden @40 1x4 u32",
      "drift @60 1x4 i32",
      "next @64 1x8 pointer",
    ],
  );
});

test("layoutOf() takes the variables of a section, and a plain number has no name", (t) => {
  const section = findSection(btf, ".bss") ?? -1;
  t.true(layoutOf(btf, section).some(({ path }) => path === "named.in.bytes"));
  t.true(layoutOf(btf, section).some(({ path, as }) => path === "plain" && as === "u32"));
  const number = btf.types.findIndex((type) => type.kind === "int" && type.size === 8);
  t.deepEqual(layoutOf(btf, number), [{ path: "", offset: 0, size: 8, count: 1, as: "u64" }]);
});

const field = (path: string, offset: number, as: string, count = 1): FieldLayout => ({
  path,
  offset,
  size: Number(/\d+$/.exec(as)?.[0] ?? 64) / 8,
  count,
  as,
});

test("matchFields() lets numbers grow and arrays change their length, and drops what becomes something else", (t) => {
  const before = [field("a", 0, "u32"), field("b", 4, "i16"), field("c", 6, "u16"), field("d", 8, "u32", 3), field("gone", 20, "u8")];
  const after = [field("b", 0, "i64"), field("a", 8, "u64"), field("c", 16, "i16"), field("d", 20, "u32", 2), field("new", 28, "u8")];

  t.deepEqual(matchFields(before, after), {
    moves: [
      { from: 4, to: 0, size: 2, extend: 6 },
      { from: 0, to: 8, size: 4, extend: 0 },
      { from: 8, to: 20, size: 8, extend: 0 },
    ],
    dropped: ["c", "gone"],
    added: ["c", "new"],
  });
});

test("matchFields() drops a number that shrinks, and one that becomes an array", (t) => {
  t.deepEqual(matchFields([field("a", 0, "u64")], [field("a", 0, "u32")]).moves, []);
  t.deepEqual(matchFields([field("a", 0, "u16")], [field("a", 0, "u32", 2)]).moves, []);
  t.deepEqual(matchFields([field("a", 0, "pointer")], [field("a", 0, "u64")]).moves, []);
});

test("moveFields() keeps every number that grows, whatever it is", (t) => {
  const widths = [8, 16, 32, 64] as const;
  fc.assert(
    fc.property(fc.constantFrom(...widths), fc.constantFrom(...widths), fc.boolean(), fc.bigInt(), (from, to, signed, number) => {
      fc.pre(from <= to);
      const sign = signed ? "i" : "u";
      const value = signed ? BigInt.asIntN(from, number) : BigInt.asUintN(from, number);
      const old = Buffer.alloc(8);
      old.writeBigUInt64LE(BigInt.asUintN(64, value) & ((1n << BigInt(from)) - 1n));
      const { moves } = matchFields([field("n", 0, `${sign}${from}`)], [field("n", 8, `${sign}${to}`)]);
      const moved = Buffer.from(moveFields(moves, old.subarray(0, from / 8), 16)).readBigUInt64LE(8);
      return (signed ? BigInt.asIntN(to, moved) : moved) === value;
    }),
  );
  t.pass();
});
