// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import { type BtfRecord, btfKind, headerSize, nameOffsets, readRecords, readSections, referenceOffsets } from "./record.ts";

/**
 * Several BTF blobs as one, without removing duplicates. For input number i, type id t > 0 became t + typeOffsets[i], and string
 * offset s > 0 became s + stringOffsets[i]; 0 (void, no name) stays 0.
 */
export interface MergedBtf {
  readonly btf: Uint8Array;
  readonly typeOffsets: readonly number[];
  readonly stringOffsets: readonly number[];
}

export interface AppendedFunctions {
  readonly btf: Uint8Array;
  /** BTF_KIND_FUNC ids, in the order of the names. */
  readonly ids: readonly number[];
}

/** BTF_MAX_TYPE and BTF_MAX_NAME_OFFSET of the kernel. */
const maximumTypes = 0xfffff;
const maximumStrings = 0xffffff;

/** Puts blobs one after another, as btf__add_btf does. Throws BtfError for malformed ones and for more than the kernel takes. */
export function mergeBtf(blobs: readonly Uint8Array[]): MergedBtf {
  const types: Uint8Array[] = [];
  const strings: Uint8Array[] = [];
  const typeOffsets: number[] = [];
  const stringOffsets: number[] = [];
  let typeCount = 0;
  let stringBytes = 0;
  for (const blob of blobs) {
    const { records, types: own, strings: ownStrings } = split(blob);
    shift(own, records, typeCount, stringBytes);
    typeOffsets.push(typeCount);
    stringOffsets.push(stringBytes);
    types.push(own);
    strings.push(ownStrings);
    typeCount += records.length;
    stringBytes += ownStrings.length;
  }
  return { btf: assemble(types, strings.length === 0 ? [new Uint8Array(1)] : strings, typeCount), typeOffsets, stringOffsets };
}

/** The merged id of a type of one input. */
function shiftType(typeOffset: number, id: number): number {
  return id === 0 ? 0 : id + typeOffset;
}

/** The merged offset of a string of one input. */
export function shiftString(stringOffset: number, offset: number): number {
  return offset === 0 ? 0 : offset + stringOffset;
}

/**
 * Adds static functions `int name(void *ctx)`: the kernel wants one for every sub-program as soon as one has it, and an int to be
 * returned where a tail call is made. Names must be C identifiers.
 */
export function appendStaticFunctions(btf: Uint8Array, names: readonly string[]): AppendedFunctions {
  const { records, types, strings } = split(btf);
  const texts = ["int", "ctx", ...names.map(checkIdentifier)].map((name) => Buffer.from(`${name}\0`));
  const at: number[] = [];
  texts.reduce((offset, text) => (at.push(offset), offset + text.length), strings.length);
  const [intName, contextName, ...functionNames] = at as [number, number, ...number[]];
  const integer = records.length + 1;
  const [pointer, prototype, first] = [integer + 1, integer + 2, integer + 3];
  const added = [
    words(intName, btfKind.int << 24, 4, 0x0100_0020),
    words(0, btfKind.pointer << 24, 0),
    words(0, (btfKind.prototype << 24) | 1, integer, contextName, pointer),
    ...functionNames.map((name) => words(name, btfKind.function << 24, prototype)),
  ];
  return {
    btf: assemble([types, ...added], [strings, ...texts], records.length + added.length),
    ids: functionNames.map((_, index) => first + index),
  };
}

/** Copies of the two sections; record offsets count from the start of `types`. */
function split(btf: Uint8Array): { readonly records: readonly BtfRecord[]; readonly types: Uint8Array; readonly strings: Uint8Array } {
  const sections = readSections(btf);
  const start = sections.typeStart;
  const records = readRecords(sections).map((record) => ({ ...record, offset: record.offset - start, end: record.end - start }));
  return {
    records,
    types: Uint8Array.from(btf.subarray(sections.typeStart, sections.typeEnd)),
    strings: Uint8Array.from(btf.subarray(sections.stringStart, sections.stringEnd)),
  };
}

function shift(types: Uint8Array, records: readonly BtfRecord[], typeOffset: number, stringOffset: number): void {
  const view = new DataView(types.buffer, types.byteOffset, types.byteLength);
  for (const record of records) {
    for (const at of referenceOffsets(record)) view.setUint32(at, shiftType(typeOffset, view.getUint32(at, true)), true);
    for (const at of nameOffsets(record)) view.setUint32(at, shiftString(stringOffset, view.getUint32(at, true)), true);
  }
}

function assemble(types: readonly Uint8Array[], strings: readonly Uint8Array[], typeCount: number): Uint8Array {
  const typeBytes = Buffer.concat(types);
  const stringBytes = Buffer.concat(strings);
  if (typeCount > maximumTypes) throw new BtfError(`Cannot write BTF: ${typeCount} types, the kernel takes ${maximumTypes}`);
  if (stringBytes.length > maximumStrings) {
    throw new BtfError(`Cannot write BTF: ${stringBytes.length} bytes of names, the kernel takes ${maximumStrings}`);
  }
  const header = words(0x0001_eb9f, headerSize, 0, typeBytes.length, typeBytes.length, stringBytes.length);
  return new Uint8Array(Buffer.concat([header, typeBytes, stringBytes]));
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32LE(value, index * 4);
  });
  return bytes;
}

/** What the kernel's btf_name_valid_identifier takes, without the dots that only newer kernels do. */
function checkIdentifier(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,126}$/.test(name)) return name;
  throw new BtfError(`Cannot name a function ${JSON.stringify(name)}: it is no C identifier of at most 127 characters`);
}
