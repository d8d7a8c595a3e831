// SPDX-License-Identifier: Apache-2.0
import { KernelError } from "../kernel/kernel-error.ts";

/**
 * A little-endian ELF64 relocatable file of machine BPF, as clang writes it:
 *
 *     header          e_type 16  e_machine 18  e_shoff 40 (u64)  e_shentsize 58  e_shnum 60  e_shstrndx 62
 *     section header  name 0  type 4  flags 8 (u64)  offset 24 (u64)  size 32 (u64)  link 40  info 44; 64 bytes
 *     symbol          name 0  info 4 (u8)  section 6 (u16)  value 8 (u64)  size 16 (u64); 24 bytes
 *     relocation      offset 0 (u64)  type 8  symbol 12; 16 bytes
 */
export interface Elf {
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
}

export interface ElfSection {
  readonly name: string;
  /** Empty for sections that only have a size (".bss"). */
  readonly bytes: Uint8Array;
  readonly size: number;
  /** SHF_EXECINSTR. */
  readonly executable: boolean;
  readonly relocations: readonly ElfRelocation[];
}

export interface ElfSymbol {
  readonly name: string;
  /** Index of its section; 0 for one that this file does not define. */
  readonly section: number;
  /** STT_FUNC. */
  readonly isFunction: boolean;
  readonly value: number;
  readonly size: number;
}

/** The place `offset` of the section (in bytes) refers to a symbol. */
export interface ElfRelocation {
  readonly offset: number;
  readonly symbol: ElfSymbol;
}

interface SectionHeader {
  readonly name: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

const machineBpf = 247;
const typeRelocatable = 1;
const executableFlag = 4;
const sectionTypes = { symbols: 2, relocations: 9, noBits: 8 } as const;
const functionSymbol = 2;
const headerSize = 64;
/** Sections without content (".bss") take memory only when they are loaded: a small file can ask for all of it. */
const mostZeros = 256 * 2 ** 20;
/** Names may share their ends, but a table is no longer than this many times itself when each name is read on its own. */
const mostSharing = 16;

/** Several ask about the same bytes, one after another. */
const known = new WeakMap<Uint8Array, Elf>();

/** Reads a whole object, whose bytes nobody may change from then on. Throws KernelError EINVAL for what is no such file or ends too early. */
export function readElf(file: Uint8Array): Elf {
  try {
    const elf = known.get(file) ?? parse(file);
    known.set(file, elf);
    return elf;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // What DataView says of an offset behind the end helps nobody.
    const reason = /DataView/.test(error.message) ? "it is cut off" : error.message;
    const message = `Cannot read the eBPF object of ${file.length} bytes: ${reason}`;
    throw new KernelError(message, { call: "bpf_object__open_mem", errno: "EINVAL", cause: error });
  }
}

/** Bounds are all checked: libbpf, which reads the file next, trusts more of it than it should (seen with 1.1). */
function parse(file: Uint8Array): Elf {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (file.length < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint8(4) !== 2 || view.getUint8(5) !== 1) {
    throw new RangeError("it does not begin like a little-endian ELF64 file");
  }
  if (view.getUint16(16, true) !== typeRelocatable || view.getUint16(18, true) !== machineBpf)
    throw new RangeError("it is no relocatable file for BPF");
  const entrySize = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  if (count > 0 && entrySize !== headerSize) throw new RangeError(`its section headers have ${entrySize} bytes each, not ${headerSize}`);
  const headers = Array.from({ length: count }, (_, index) => readHeader(view, offset(view, 40) + index * headerSize));
  checkSizes(file, headers);
  const bytesOf = (header: SectionHeader) =>
    header.type === sectionTypes.noBits ? new Uint8Array(0) : slice(file, header.offset, header.size);
  const nameAt = readNames(bytesOf(at(headers, view.getUint16(62, true), "section")));
  const symbolTable = headers.find(({ type }) => type === sectionTypes.symbols);
  const symbols = symbolTable === undefined ? [] : readSymbols(bytesOf(symbolTable), bytesOf(at(headers, symbolTable.link, "section")));
  for (const symbol of symbols) checkSymbol(symbol, headers);
  const relocations = new Map<number, readonly ElfRelocation[]>();
  for (const found of headers.filter(({ type }) => type === sectionTypes.relocations)) {
    const { size } = at(headers, found.info, "section");
    relocations.set(found.info, [...(relocations.get(found.info) ?? []), ...readRelocations(bytesOf(found), symbols, size)]);
  }
  const sections = headers.map((header, index) => ({
    name: nameAt(header.name),
    bytes: bytesOf(header),
    size: header.size,
    executable: (header.flags & executableFlag) !== 0,
    relocations: relocations.get(index) ?? [],
  }));
  return { sections, symbols };
}

function readHeader(view: DataView, start: number): SectionHeader {
  const word = (at: number) => view.getUint32(start + at, true);
  return {
    name: word(0),
    type: word(4),
    flags: word(8),
    offset: offset(view, start + 24),
    size: offset(view, start + 32),
    link: word(40),
    info: word(44),
  };
}

/** What sections say of their sizes must not ask for more memory than a file of this length is worth. */
function checkSizes(file: Uint8Array, headers: readonly SectionHeader[]): void {
  const total = (type: number) => headers.reduce((sum, header) => sum + (header.type === type ? header.size : 0), 0);
  if (total(sectionTypes.relocations) > file.length) throw new RangeError("its sections of relocations overlap");
  const zeros = total(sectionTypes.noBits);
  if (zeros > mostZeros) throw new RangeError(`its variables without a value take ${zeros} bytes, at most ${mostZeros} are taken`);
}

/** The names of a table by their offsets, each read once. */
function readNames(table: Uint8Array): (start: number) => string {
  const text = viewOf(table);
  const known = new Map<number, string>();
  let length = 0;
  return (start) => {
    const name = known.get(start) ?? textAt(text, start);
    if (known.has(start)) return name;
    length += name.length;
    if (length > mostSharing * table.length) throw new RangeError("its names overlap");
    known.set(start, name);
    return name;
  };
}

function readSymbols(bytes: Uint8Array, names: Uint8Array): ElfSymbol[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const nameAt = readNames(names);
  return Array.from({ length: Math.floor(bytes.length / 24) }, (_, index) => {
    const start = index * 24;
    return {
      name: nameAt(view.getUint32(start, true)),
      section: view.getUint16(start + 6, true),
      isFunction: (view.getUint8(start + 4) & 0x0f) === functionSymbol,
      value: offset(view, start + 8),
      size: offset(view, start + 16),
    };
  });
}

function readRelocations(bytes: Uint8Array, symbols: readonly ElfSymbol[], size: number): ElfRelocation[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / 16) }, (_, index) => {
    const place = offset(view, index * 16);
    if (place >= size) throw new RangeError(`a relocation lies at ${place} of a section of ${size} bytes`);
    return { offset: place, symbol: at(symbols, view.getUint32(index * 16 + 12, true), "symbol") };
  });
}

/** From 0xff00 on a section number means something else: absolute, common. */
function checkSymbol({ name, section, value, size }: ElfSymbol, headers: readonly SectionHeader[]): void {
  if (section === 0 || section >= 0xff00) return;
  const header = at(headers, section, "section");
  if (value + size > header.size) throw new RangeError(`symbol "${name}" ends at ${value + size} of a section of ${header.size} bytes`);
}

/** 64 bits as a number: what does not fit lies behind the end of every file all the same. */
function offset(view: DataView, start: number): number {
  return view.getUint32(start, true) + view.getUint32(start + 4, true) * 2 ** 32;
}

function slice(file: Uint8Array, start: number, size: number): Uint8Array {
  if (start + size > file.length) throw new RangeError(`a section ends at ${start + size}`);
  return file.subarray(start, start + size);
}

function at<Item>(items: readonly Item[], index: number, what: string): Item {
  const item = items[index];
  if (item === undefined) throw new RangeError(`it refers to ${what} ${index} and has ${items.length}`);
  return item;
}

/** The content of a section; null when the file has none of that name. */
export function sectionBytes(elf: Elf, name: string): Uint8Array | null {
  return elf.sections.find((section) => section.name === name)?.bytes ?? null;
}

/** The text that ends with a zero byte at or after `start`. */
export function textAt(bytes: Uint8Array, start: number): string {
  const end = bytes.indexOf(0, start);
  return viewOf(bytes).toString("utf8", start, end < 0 ? bytes.length : end);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
