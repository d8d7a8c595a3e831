// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { sizeOf } from "../../../bpf/btf/resolve.ts";
import type { Btf, BtfMember, BtfType } from "../../../bpf/btf/types.ts";

/** BTF whose types all have a layout (but for void), each made of earlier ones; the last is the richest. */
export const randomBtf: fc.Arbitrary<Btf> = fc
  .array(fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }), { minLength: 1, maxLength: 14 })
  .map((rows) => {
    const types: BtfType[] = [{ kind: "void" }];
    for (const row of rows) types.push(makeType(types, row));
    return { types };
  });

/** A type of a row of random numbers, referring to types that exist. */
function makeType(types: readonly BtfType[], row: readonly number[]): BtfType {
  const [kind, first, second, third, ...rest] = row as [number, number, number, number, ...number[]];
  const id = types.length;
  const earlier = 1 + (first % Math.max(1, id - 1));
  if (id === 1 || kind % 12 === 0) return makeInt(first, second, id);
  switch (kind % 12) {
    case 1:
      return { kind: "array", element: earlier, index: earlier, count: [0, 1, 2, 3, 4, 6, 16][second % 7] as number };
    case 2:
    case 3:
    case 4:
      return makeStruct(types, [first, second, third, ...rest], id);
    case 5:
      return makeUnion(types, [first, second, third], id);
    case 6:
      return makeEnum(second, third, id);
    case 7:
      return { kind: "typedef", name: ["__be16", "__be32", "__be64", "flow_t"][second % 4] as string, type: earlier };
    case 8:
      return { kind: "float", name: "double", size: [2, 4, 8, 16][second % 4] as number };
    case 9:
      return { kind: "const", name: "", type: earlier };
    case 10:
      return { kind: "pointer", type: earlier };
    default:
      return {
        kind: "int",
        name: ["char", "unsigned char"][second % 2] as string,
        size: 1,
        encoding: second % 2 ? "unsigned" : "signed",
        bits: 8,
        bitOffset: 0,
      };
  }
}

function makeInt(first: number, second: number, id: number): BtfType {
  const size = [1, 2, 4, 8, 16][first % 5] as number;
  const encoding = (["unsigned", "signed", "bool", "char"] as const)[second % 4] ?? "unsigned";
  return {
    kind: "int",
    name: `int${id}`,
    size: encoding === "bool" ? 1 : size,
    encoding,
    bits: (encoding === "bool" ? 1 : size) * 8,
    bitOffset: 0,
  };
}

function makeEnum(second: number, third: number, id: number): BtfType {
  const kind = second % 2 ? "enum64" : "enum";
  const signed = third % 2 === 1;
  const values = [
    { name: `ZERO${id}`, value: 0n },
    { name: `SIX${id}`, value: 6n },
    { name: `TOP${id}`, value: signed ? -1n : 0x7fff_ffffn },
  ];
  return { kind, name: `enum${id}`, size: kind === "enum64" ? 8 : 4, signed, values };
}

/** Members of earlier types one after another, some anonymous, some after a hole, and bitfields at the end. */
function makeStruct(types: readonly BtfType[], row: readonly number[], id: number): BtfType {
  const btf = { types };
  const members: BtfMember[] = [];
  let bits = 0;
  row.slice(0, 2 + ((row[0] as number) % 5)).forEach((value, index) => {
    const type = 1 + (value % (id - 1));
    const inner = types[type] as BtfType;
    const anonymous = (inner.kind === "struct" || inner.kind === "union") && value % 3 === 0 && !clashes(btf, members, type);
    const prefix = index === 0 && value % 2 === 0 ? "prefixlen" : `m${id}_${index}`;
    members.push({ name: anonymous ? "" : prefix, type, bitOffset: bits, bitSize: 0 });
    bits += (sizeOf(btf, type) + (value % 7 === 0 ? 1 : 0)) * 8;
  });
  const scalar = types.findIndex((type) => type.kind === "int" || type.kind === "enum");
  const width = Math.min((types[scalar] as { readonly size: number }).size * 8, 1 + ((row[1] as number) % 13));
  if ((row[2] as number) % 2 === 0) {
    for (const index of [0, 1]) {
      members.push({ name: `bits${id}_${index}`, type: scalar, bitOffset: bits, bitSize: width });
      bits += width;
    }
  }
  return { kind: "struct", name: `struct${id}`, size: Math.ceil(bits / 8) + ((row[1] as number) % 3), members };
}

function makeUnion(types: readonly BtfType[], row: readonly number[], id: number): BtfType {
  const btf = { types };
  const members = row.map((value, index) => ({ name: `u${id}_${index}`, type: 1 + (value % (id - 1)), bitOffset: 0, bitSize: 0 }));
  return { kind: "union", name: `union${id}`, size: Math.max(...members.map(({ type }) => sizeOf(btf, type))), members };
}

/** C allows no two members of one name, so an anonymous type is put into a struct once. */
function clashes(btf: Btf, members: readonly BtfMember[], type: number): boolean {
  const names = (id: number): readonly number[] => {
    const inner = btf.types[id] as BtfType;
    return inner.kind === "struct" || inner.kind === "union"
      ? [id, ...inner.members.flatMap((member) => (member.name === "" ? names(member.type) : []))]
      : [];
  };
  const used = new Set(members.flatMap((member) => (member.name === "" ? names(member.type) : [])));
  const own = names(type);
  const plain = own.some((id) =>
    (btf.types[id] as { readonly members: readonly BtfMember[] }).members.some(({ name }) => name === "prefixlen"),
  );
  return plain || own.some((id) => used.has(id));
}
