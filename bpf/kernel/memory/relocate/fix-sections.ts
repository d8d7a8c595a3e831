// SPDX-License-Identifier: Apache-2.0
import { type Elf, textAt } from "../../../object/elf.ts";

const kinds = { variable: 14, section: 15 } as const;

/** Bytes behind the 12 that every type has, by kind: fixed, and for each of its members. */
const extraBytes: Readonly<Record<number, readonly [fixed: number, perMember: number]>> = {
  1: [4, 0],
  3: [12, 0],
  4: [0, 12],
  5: [0, 12],
  6: [0, 8],
  13: [0, 8],
  14: [4, 0],
  15: [0, 12],
  17: [4, 0],
  19: [0, 12],
};

interface BtfRecord {
  readonly at: number;
  readonly kind: number;
  readonly members: number;
  readonly name: string;
}

/**
 * A copy of .BTF in which BTF_KIND_DATASEC has the sections' sizes and its variables their places: the compiler leaves both to the
 * loader, and the kernel refuses a section of size 0.
 *
 *     type     name 0, info 4 (members in bits 0-15, kind in 24-28), size 8, then its members
 *     section  per variable: type 0, offset 4, size 8
 */
export function fixSections(btf: Uint8Array, elf: Elf): Uint8Array {
  const copy = Uint8Array.from(btf);
  const view = new DataView(copy.buffer);
  const records = readRecords(copy, view);
  for (const record of records) {
    if (record.kind !== kinds.section) continue;
    const section = elf.sections.find(({ name }) => name === record.name);
    if (section === undefined) continue;
    view.setUint32(record.at + 8, section.size, true);
    placeVariables(view, record, (type) => offsetOf(elf, records[type - 1]));
  }
  return copy;
}

function readRecords(btf: Uint8Array, view: DataView): BtfRecord[] {
  const header = view.getUint32(4, true);
  const strings = btf.subarray(header + view.getUint32(16, true));
  const end = header + view.getUint32(8, true) + view.getUint32(12, true);
  const records: BtfRecord[] = [];
  for (let at = header + view.getUint32(8, true); at < end; ) {
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const members = info & 0xffff;
    records.push({ at, kind, members, name: textAt(strings, view.getUint32(at, true)) });
    const [fixed, perMember] = extraBytes[kind] ?? [0, 0];
    at += 12 + fixed + perMember * members;
  }
  return records;
}

/** Variables lie in the order of their places. */
function placeVariables(view: DataView, { at, members }: BtfRecord, offsetOfType: (type: number) => number | null): void {
  const variables = Array.from({ length: members }, (_, index) => {
    const start = at + 12 + index * 12;
    const type = view.getUint32(start, true);
    return { type, offset: offsetOfType(type) ?? view.getUint32(start + 4, true), size: view.getUint32(start + 8, true) };
  });
  variables.sort((a, b) => a.offset - b.offset);
  for (const [index, { type, offset, size }] of variables.entries()) {
    const start = at + 12 + index * 12;
    view.setUint32(start, type, true);
    view.setUint32(start + 4, offset, true);
    view.setUint32(start + 8, size, true);
  }
}

/** Where a variable lies in its section; null for what the file does not define. */
function offsetOf(elf: Elf, variable: BtfRecord | undefined): number | null {
  if (variable?.kind !== kinds.variable) return null;
  return elf.symbols.find(({ name, section }) => name === variable.name && section !== 0)?.value ?? null;
}
