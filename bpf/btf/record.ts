// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";

/**
 * How BTF lies in bytes (little endian): a header, type records one after another, strings that end with NUL.
 *
 *     header   magic u16 | version u8 | flags u8 | header length u32 | type offset, length u32 | string offset, length u32
 *     record   name u32 | kind_flag 1, kind 5 (at bit 24), vlen 16 | size or type u32 | what the kind adds
 */
export interface BtfSections {
  readonly view: DataView;
  readonly typeStart: number;
  readonly typeEnd: number;
  readonly stringStart: number;
  readonly stringEnd: number;
}

/** The first 12 bytes of a type record, and where it ends. */
export interface BtfRecord {
  readonly offset: number;
  readonly end: number;
  readonly name: number;
  readonly kind: number;
  readonly count: number;
  readonly flag: boolean;
  readonly sizeOrType: number;
}

/** The numbers of BTF_KIND_*. */
export const btfKind = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  forward: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  function: 12,
  prototype: 13,
  variable: 14,
  section: 15,
  float: 16,
  declarationTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

/** Length of the header that this code writes. */
export const headerSize = 24;

const magic = 0xeb9f;

/** Bytes after the 12 that all records share: fixed ones, and for each of `count`. By kind. */
const extraBytes: ReadonlyArray<readonly [fixed: number, each: number]> = [
  [0, 0],
  [4, 0],
  [0, 0],
  [12, 0],
  [0, 12],
  [0, 12],
  [0, 8],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 8],
  [4, 0],
  [0, 12],
  [0, 0],
  [4, 0],
  [0, 0],
  [0, 12],
];

/** Checks the header and finds the sections; throws BtfError when they do not lie within the blob. */
export function readSections(raw: Uint8Array): BtfSections {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  if (raw.length < headerSize) throw new BtfError(`Cannot read BTF: ${raw.length} bytes, the header alone has ${headerSize}`, 0);
  const found = view.getUint16(0, true);
  if (found !== magic)
    throw new BtfError(`Cannot read BTF: magic 0x${found.toString(16)}, expected 0x${magic.toString(16)} in little endian`, 0);
  const version = view.getUint8(2);
  if (version !== 1) throw new BtfError(`Cannot read BTF: version ${version}, expected 1`, 2);
  const header = view.getUint32(4, true);
  const typeStart = header + view.getUint32(8, true);
  const typeEnd = typeStart + view.getUint32(12, true);
  const stringStart = header + view.getUint32(16, true);
  const stringEnd = stringStart + view.getUint32(20, true);
  if (header < headerSize || typeEnd > raw.length || stringEnd > raw.length) {
    throw new BtfError(`Cannot read BTF: its sections end at ${Math.max(typeEnd, stringEnd)}, the blob at ${raw.length}`, 4);
  }
  if (stringEnd === stringStart || raw[stringStart] !== 0 || raw[stringEnd - 1] !== 0) {
    throw new BtfError("Cannot read BTF: the strings do not begin and end with NUL", stringStart);
  }
  return { view, typeStart, typeEnd, stringStart, stringEnd };
}

/** Every type record in order: the first one is type 1. Throws BtfError for an unknown kind and a record that does not fit. */
export function readRecords(sections: BtfSections): readonly BtfRecord[] {
  const records: BtfRecord[] = [];
  let offset = sections.typeStart;
  while (offset < sections.typeEnd) {
    const record = readRecord(sections, offset);
    records.push(record);
    offset = record.end;
  }
  return records;
}

/** Where the numbers that name other types stand in a record. Those that may be 0 (void) are among them. */
export function referenceOffsets(record: BtfRecord): readonly number[] {
  const { offset } = record;
  switch (record.kind) {
    case btfKind.pointer:
    case btfKind.typedef:
    case btfKind.volatile:
    case btfKind.const:
    case btfKind.restrict:
    case btfKind.function:
    case btfKind.variable:
    case btfKind.declarationTag:
    case btfKind.typeTag:
      return [offset + 8];
    case btfKind.array:
      return [offset + 12, offset + 16];
    case btfKind.struct:
    case btfKind.union:
      return items(record, 12, 4);
    case btfKind.prototype:
      return [offset + 8, ...items(record, 8, 4)];
    case btfKind.section:
      return items(record, 12, 0);
    default:
      return [];
  }
}

/** Where the numbers that name strings stand in a record: its own name and those of its members, values or parameters. */
export function nameOffsets(record: BtfRecord): readonly number[] {
  switch (record.kind) {
    case btfKind.struct:
    case btfKind.union:
    case btfKind.enum64:
      return [record.offset, ...items(record, 12, 0)];
    case btfKind.enum:
    case btfKind.prototype:
      return [record.offset, ...items(record, 8, 0)];
    default:
      return [record.offset];
  }
}

function readRecord({ view, typeEnd }: BtfSections, offset: number): BtfRecord {
  if (offset + 12 > typeEnd) throw new BtfError("Cannot read BTF: a type record is cut off", offset);
  const info = view.getUint32(offset + 4, true);
  const kind = (info >>> 24) & 0x1f;
  const extra = extraBytes[kind];
  if (kind === 0 || extra === undefined) throw new BtfError(`Cannot read BTF: unknown kind ${kind}, expected 1 to 19`, offset);
  const count = info & 0xffff;
  const counted = extra[1] === 0 ? 0 : count;
  const end = offset + 12 + extra[0] + extra[1] * counted;
  if (end > typeEnd) throw new BtfError("Cannot read BTF: a type record is cut off", offset);
  return {
    offset,
    end,
    name: view.getUint32(offset, true),
    kind,
    count,
    flag: info >>> 31 === 1,
    sizeOrType: view.getUint32(offset + 8, true),
  };
}

function items(record: BtfRecord, size: number, at: number): readonly number[] {
  return Array.from({ length: record.count }, (_, index) => record.offset + 12 + index * size + at);
}
