// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { BtfError } from "../../../bpf/btf/btf-error.ts";
import { appendStaticFunctions, mergeBtf, shiftString } from "../../../bpf/btf/merge.ts";
import { readBtf } from "../../../bpf/btf/read.ts";
import { readSections } from "../../../bpf/btf/record.ts";
import { sample, sampleBtf } from "./sample.ts";
import { writeBtf } from "./write-btf.ts";

const every = writeBtf({
  types: [
    { kind: "void" },
    { kind: "int", name: "int", size: 4, encoding: "signed", bits: 32, bitOffset: 0 },
    { kind: "enum", name: "e", size: 4, signed: true, values: [{ name: "LOW", value: -2n }] },
    { kind: "enum64", name: "b", size: 8, signed: false, values: [{ name: "HUGE", value: 2n ** 64n - 1n }] },
    { kind: "struct", name: "s", size: 8, members: [{ name: "m", type: 1, bitOffset: 3, bitSize: 5 }] },
    {
      kind: "prototype",
      returns: 1,
      parameters: [
        { name: "ctx", type: 6 },
        { name: "", type: 0 },
      ],
    },
    { kind: "pointer", type: 0 },
    { kind: "function", name: "f", type: 5, linkage: "global" },
    { kind: "declaration-tag", name: "tag", type: 7, component: 0 },
    { kind: "float", name: "float", size: 4 },
  ],
});

test("mergeBtf() keeps the types of every input, shifted", (t) => {
  const inputs = [sampleBtf(), every, sampleBtf()];

  const { btf, typeOffsets, stringOffsets } = mergeBtf(inputs);

  const merged = readBtf(btf);
  inputs.forEach((input, index) => {
    const { types } = readBtf(input);
    const offset = typeOffsets[index] as number;
    const alone = { types: [types[0], ...merged.types.slice(offset + 1, offset + types.length)] };
    t.deepEqual(shiftBack(alone, offset), JSON.parse(print({ types })));
  });
  t.deepEqual([shiftString(5, 0), shiftString(5, 2)], [0, 7]);
  const { stringStart } = readSections(btf);
  const text = (offset: number) => Buffer.from(btf.subarray(stringStart + offset, btf.indexOf(0, stringStart + offset))).toString();
  t.is(text(shiftString(stringOffsets[1] as number, 1)), "int");
});

test("mergeBtf() of nothing is empty BTF", (t) => t.deepEqual(readBtf(mergeBtf([]).btf), { types: [{ kind: "void" }] }));

test("appendStaticFunctions() adds int functions of a context pointer", (t) => {
  const { btf, ids } = appendStaticFunctions(sampleBtf(), ["step_one", "step_two"]);

  const before = sample().types;
  const { types } = readBtf(btf);
  const count = before.length;
  t.deepEqual(types.slice(0, count), before);
  t.deepEqual(ids, [count + 3, count + 4]);
  t.deepEqual(types.slice(count), [
    { kind: "int", name: "int", size: 4, encoding: "signed", bits: 32, bitOffset: 0 },
    { kind: "pointer", type: 0 },
    { kind: "prototype", returns: count, parameters: [{ name: "ctx", type: count + 1 }] },
    { kind: "function", name: "step_one", type: count + 2, linkage: "static" },
    { kind: "function", name: "step_two", type: count + 2, linkage: "static" },
  ]);
});

test("merging refuses what the kernel would refuse", (t) => {
  t.throws(() => appendStaticFunctions(sampleBtf(), ["syn-limit"]), {
    instanceOf: BtfError,
    message: 'Cannot name a function "syn-limit": it is no C identifier of at most 127 characters',
  });
  const pointers = writeBtf({
    types: Array.from({ length: 600_000 }, (_, id) => (id === 0 ? { kind: "void" } : { kind: "pointer", type: 0 })),
  });
  t.throws(() => mergeBtf([pointers, pointers]), {
    instanceOf: BtfError,
    message: "Cannot write BTF: 1199998 types, the kernel takes 1048575",
  });
  const named = writeBtf({ types: [{ kind: "void" }, { kind: "forward", name: "x".repeat(9_000_000), of: "struct" }] });
  t.throws(() => mergeBtf([named, named]), {
    instanceOf: BtfError,
    message: "Cannot write BTF: 18000004 bytes of names, the kernel takes 16777215",
  });
});

/** Ids of types become smaller by the offset; as JSON, where a bigint is a text. */
function shiftBack(btf: object, offset: number): unknown {
  const ids = new Set(["type", "element", "index", "returns"]);
  return JSON.parse(print(btf), (key, value: unknown) => (ids.has(key) && typeof value === "number" && value > 0 ? value - offset : value));
}

function print(value: object): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? `${item}` : item));
}
