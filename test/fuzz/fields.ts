// SPDX-License-Identifier: Apache-2.0

/** A number in a structure of an object. */
export interface Field {
  readonly offset: number;
  readonly width: 1 | 2 | 4 | 8;
}

const headerFields: readonly Field[] = [
  { offset: 16, width: 2 },
  { offset: 18, width: 2 },
  { offset: 40, width: 8 },
  { offset: 58, width: 2 },
  { offset: 60, width: 2 },
  { offset: 62, width: 2 },
];

/** Where the numbers are that readers of an object go by: headers, symbols, relocations, BTF records, .BTF.ext. */
export function fieldsOf(object: Uint8Array): readonly Field[] {
  const bytes = Buffer.from(object.buffer, object.byteOffset, object.length);
  if (bytes.length < 64) return [];
  return [
    ...headerFields,
    ...sectionsOf(bytes).flatMap((header) => [
      ...[0, 4, 40, 44].map((at): Field => ({ offset: header + at, width: 4 })),
      ...[8, 24, 32, 56].map((at): Field => ({ offset: header + at, width: 8 })),
      ...contentFields(bytes, header),
    ]),
  ];
}

/** Offsets of the section headers that lie within the file. */
export function sectionsOf(bytes: Buffer): readonly number[] {
  if (bytes.length < 64) return [];
  const start = Number(bytes.readBigUInt64LE(40));
  const count = bytes.readUInt16LE(60);
  return Array.from({ length: count }, (_, index) => start + index * 64).filter((at) => at + 64 <= bytes.length);
}

const symbolTable = 2;
const relocations = 9;
const btfMagic = 0xeb9f;

/** Numbers inside of a section. Of BTF every word is one: types, sizes, offsets, counts. */
function contentFields(bytes: Buffer, header: number): readonly Field[] {
  const type = bytes.readUInt32LE(header + 4);
  const start = Number(bytes.readBigUInt64LE(header + 24));
  const size = Math.min(Number(bytes.readBigUInt64LE(header + 32)), bytes.length - start);
  if (size <= 0) return [];
  if (type === symbolTable) return records(start, size, 24, symbolFields);
  if (type === relocations) return records(start, size, 16, relocationFields);
  const isBtf = size > 24 && bytes.readUInt16LE(start) === btfMagic;
  return isBtf ? records(start, Math.min(size, 4096), 4, [{ offset: 0, width: 4 }]) : [];
}

const symbolFields: readonly Field[] = [
  { offset: 0, width: 4 },
  { offset: 4, width: 1 },
  { offset: 6, width: 2 },
  { offset: 8, width: 8 },
  { offset: 16, width: 8 },
];
const relocationFields: readonly Field[] = [
  { offset: 0, width: 8 },
  { offset: 8, width: 4 },
  { offset: 12, width: 4 },
];

function records(start: number, size: number, each: number, fields: readonly Field[]): readonly Field[] {
  return Array.from({ length: Math.floor(size / each) }, (_, index) => index * each).flatMap((at) =>
    fields.map(({ offset, width }) => ({ offset: start + at + offset, width })),
  );
}
