// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import { checkKinds } from "./check-kinds.ts";
import { checkNesting } from "./check-nesting.ts";
import { type BtfRecord, type BtfSections, btfKind, nameOffsets, readRecords, readSections, referenceOffsets } from "./record.ts";
import type { Btf, BtfEnumValue, BtfInt, BtfLinkage, BtfMember, BtfType } from "./types.ts";

/** Reads raw BTF, whoever made it. Throws BtfError, with the byte offset, for anything that is not well-formed. */
export function readBtf(raw: Uint8Array): Btf {
  const sections = readSections(raw);
  const records = readRecords(sections);
  const reader: Reader = { view: sections.view, name: stringReader(raw, sections) };
  for (const record of records) {
    checkReferences(sections.view, record, records.length);
    for (const at of nameOffsets(record)) reader.name(at);
  }
  const btf: Btf = { types: [{ kind: "void" }, ...records.map((record) => readType(reader, record))] };
  checkKinds(btf);
  checkNesting(btf);
  return btf;
}

interface Reader {
  readonly view: DataView;
  /** The string whose offset stands at this place of the blob. */
  readonly name: (at: number) => string;
}

/** Names may share their ends; that many times the strings is more than any compiler makes of it. */
const mostSharing = 16;

function stringReader(raw: Uint8Array, { view, stringStart, stringEnd }: BtfSections): (at: number) => string {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  const known = new Map<number, string>();
  let length = 0;
  return (at) => {
    const offset = view.getUint32(at, true);
    const start = stringStart + offset;
    if (start >= stringEnd)
      throw new BtfError(`Cannot read BTF: name offset ${offset}, the strings have ${stringEnd - stringStart} bytes`, at);
    const read = known.get(offset);
    if (read !== undefined) return read;
    const end = raw.indexOf(0, start);
    length += end - start;
    if (length > mostSharing * (stringEnd - stringStart)) throw new BtfError("Cannot read BTF: its names overlap", at);
    const text = bytes.toString("utf8", start, end);
    known.set(offset, text);
    return text;
  };
}

function checkReferences(view: DataView, record: BtfRecord, count: number): void {
  for (const at of referenceOffsets(record)) {
    const id = view.getUint32(at, true);
    if (id > count) throw new BtfError(`Cannot read BTF: type ${id} is named, the last one is ${count}`, at);
  }
}

function readType(reader: Reader, record: BtfRecord): BtfType {
  const { sizeOrType } = record;
  const name = reader.name(record.offset);
  const extra = record.offset + 12;
  switch (record.kind) {
    case btfKind.int:
      return readInt(reader.view, record, name);
    case btfKind.pointer:
      return { kind: "pointer", type: sizeOrType };
    case btfKind.array: {
      const [element, index, count] = words(reader.view, extra, 3);
      return { kind: "array", element, index, count };
    }
    case btfKind.struct:
      return { kind: "struct", name, size: sizeOrType, members: readMembers(reader, record) };
    case btfKind.union:
      return { kind: "union", name, size: sizeOrType, members: readMembers(reader, record) };
    case btfKind.enum:
      return { kind: "enum", name, size: sizeOrType, signed: record.flag, values: readEnum(reader, record) };
    case btfKind.forward:
      return { kind: "forward", name, of: record.flag ? "union" : "struct" };
    case btfKind.typedef:
      return { kind: "typedef", name, type: sizeOrType };
    case btfKind.volatile:
      return { kind: "volatile", name: "", type: sizeOrType };
    case btfKind.const:
      return { kind: "const", name: "", type: sizeOrType };
    case btfKind.restrict:
      return { kind: "restrict", name: "", type: sizeOrType };
    case btfKind.function:
      return { kind: "function", name, type: sizeOrType, linkage: readLinkage(record.count, record.offset + 4) };
    case btfKind.prototype:
      return { kind: "prototype", returns: sizeOrType, parameters: readParameters(reader, record) };
    case btfKind.variable:
      return { kind: "variable", name, type: sizeOrType, linkage: readLinkage(reader.view.getUint32(extra, true), extra) };
    case btfKind.section:
      return { kind: "section", name, size: sizeOrType, variables: readPlacements(reader.view, record) };
    case btfKind.float:
      return { kind: "float", name, size: sizeOrType };
    case btfKind.declarationTag:
      return { kind: "declaration-tag", name, type: sizeOrType, component: reader.view.getInt32(extra, true) };
    case btfKind.typeTag:
      return { kind: "type-tag", name, type: sizeOrType };
    default:
      return { kind: "enum64", name, size: sizeOrType, signed: record.flag, values: readEnum64(reader, record) };
  }
}

const encodings: readonly BtfInt["encoding"][] = ["unsigned", "signed", "char", "signed", "bool"];

function readInt(view: DataView, { offset, sizeOrType: size }: BtfRecord, name: string): BtfInt {
  const data = view.getUint32(offset + 12, true);
  const encoding = encodings[(data >>> 24) & 0xf];
  const bitOffset = (data >>> 16) & 0xff;
  const bits = data & 0xff;
  if (encoding === undefined) throw new BtfError(`Cannot read BTF: unknown integer encoding ${(data >>> 24) & 0xf}`, offset + 12);
  if (size < 1 || size > 16 || bits < 1 || bitOffset + bits > size * 8) {
    throw new BtfError(`Cannot read BTF: an integer of ${size} bytes with ${bits} bits from bit ${bitOffset}`, offset + 12);
  }
  return { kind: "int", name, size, encoding, bits, bitOffset };
}

/** With the kind flag, a member's offset holds the bitfield's size in its upper 8 bits. */
function readMembers({ view, name }: Reader, record: BtfRecord): readonly BtfMember[] {
  return each(record, 12, (at) => {
    const offset = view.getUint32(at + 8, true);
    return {
      name: name(at),
      type: view.getUint32(at + 4, true),
      bitOffset: record.flag ? offset & 0xff_ffff : offset,
      bitSize: record.flag ? offset >>> 24 : 0,
    };
  });
}

function readEnum({ view, name }: Reader, record: BtfRecord): readonly BtfEnumValue[] {
  return each(record, 8, (at) => {
    const value = record.flag ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true);
    return { name: name(at), value: BigInt(value) };
  });
}

function readEnum64({ view, name }: Reader, record: BtfRecord): readonly BtfEnumValue[] {
  return each(record, 12, (at) => {
    const value = (view.getBigUint64(at + 4, true) & 0xffff_ffffn) | (BigInt(view.getUint32(at + 8, true)) << 32n);
    return { name: name(at), value: record.flag ? BigInt.asIntN(64, value) : value };
  });
}

function readParameters({ view, name }: Reader, record: BtfRecord) {
  return each(record, 8, (at) => ({ name: name(at), type: view.getUint32(at + 4, true) }));
}

function readPlacements(view: DataView, record: BtfRecord) {
  return each(record, 12, (at) => {
    const [type, offset, size] = words(view, at, 3);
    return { type, offset, size };
  });
}

const linkages: readonly BtfLinkage[] = ["static", "global", "extern"];

function readLinkage(value: number, at: number): BtfLinkage {
  const linkage = linkages[value];
  if (linkage === undefined) throw new BtfError(`Cannot read BTF: unknown linkage ${value}, expected 0 to 2`, at);
  return linkage;
}

function each<T>(record: BtfRecord, size: number, read: (at: number) => T): readonly T[] {
  return Array.from({ length: record.count }, (_, index) => read(record.offset + 12 + index * size));
}

function words(view: DataView, at: number, count: 3): [number, number, number];
function words(view: DataView, at: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => view.getUint32(at + index * 4, true));
}
