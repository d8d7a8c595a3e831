// SPDX-License-Identifier: Apache-2.0

import { textAt } from "./elf.ts";
import type { FunctionInfo, LineInfo } from "./relocated-program.ts";

/** What .BTF.ext says of each section's instructions, by section name; `instruction` counts from the section's start. */
export interface DebugInfo {
  readonly functions: ReadonlyMap<string, readonly FunctionInfo[]>;
  readonly lines: ReadonlyMap<string, readonly LineInfo[]>;
  readonly relocations: ReadonlyMap<string, readonly CoreRelocation[]>;
}

/** struct bpf_core_relo, as far as it is used. */
export interface CoreRelocation {
  readonly instruction: number;
  /** enum bpf_core_relo_kind. */
  readonly kind: number;
}

/**
 * Reads .BTF.ext, whose section names are in the strings of .BTF. Throws RangeError when it ends too early or says more than it has.
 *
 *     header   magic 0 (u16)  header length 4  functions: offset 8, length 12  lines: offset 16, length 20
 *              CO-RE relocations, in a header of 32 bytes: offset 24, length 28
 *     each     record size, then per section: name, count, records
 */
export function readDebugInfo(btf: Uint8Array, ext: Uint8Array): DebugInfo {
  const strings = stringsOf(btf);
  const view = new DataView(ext.buffer, ext.byteOffset, ext.length);
  const functions = readSections(view, 8, strings, (word) => ({ instruction: word(0) / 8, type: word(1) }));
  const lines = readSections(view, 16, strings, (word) => ({ instruction: word(0) / 8, file: word(1), line: word(2), position: word(3) }));
  const hasRelocations = view.getUint32(4, true) >= 32;
  const relocations = hasRelocations
    ? readSections(view, 24, strings, (word) => ({ instruction: word(0) / 8, kind: word(3) }))
    : new Map<string, CoreRelocation[]>();
  return { functions, lines, relocations };
}

/** The string section of a BTF blob: header length at 4, offset and length of the strings at 16 and 20. */
function stringsOf(btf: Uint8Array): Uint8Array {
  const view = new DataView(btf.buffer, btf.byteOffset, btf.length);
  const start = view.getUint32(4, true) + view.getUint32(16, true);
  return btf.subarray(start, start + view.getUint32(20, true));
}

function readSections<Record>(
  view: DataView,
  at: number,
  strings: Uint8Array,
  read: (word: (index: number) => number) => Record,
): Map<string, Record[]> {
  const sections = new Map<string, Record[]>();
  const start = view.getUint32(4, true) + view.getUint32(at, true);
  const end = start + view.getUint32(at + 4, true);
  if (end === start) return sections;
  const recordSize = view.getUint32(start, true);
  for (let next = start + 4; next < end; ) {
    const count = view.getUint32(next + 4, true);
    const first = next + 8;
    // A damaged count asks for more memory than there is.
    if (recordSize < 8 || first + count * recordSize > end) throw new RangeError("The records of .BTF.ext go beyond its end");
    const records = Array.from({ length: count }, (_, record) =>
      read((index) => view.getUint32(first + record * recordSize + index * 4, true)),
    );
    sections.set(textAt(strings, view.getUint32(next, true)), records);
    next = first + count * recordSize;
  }
  return sections;
}
