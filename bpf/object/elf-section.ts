// SPDX-License-Identifier: Apache-2.0

/*
 *  ELF64 header:    e_shoff at 40 (u64), e_shentsize at 58 (u16), e_shnum at 60 (u16), e_shstrndx at 62 (u16)
 *  section header:  sh_name at 0 (u32), sh_offset at 24 (u64), sh_size at 32 (u64)
 */
interface Section {
  readonly name: number;
  readonly offset: number;
  readonly size: number;
}

/** The bytes of a section of a little-endian ELF64 file; null when it has none of that name. The file must have passed libelf. */
export function elfSection(elf: Uint8Array, name: string): Uint8Array | null {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const sections = readSections(view);
  const names = sections[view.getUint16(62, true)];
  if (names === undefined) return null;
  const found = sections.find((section) => textAt(elf, names.offset + section.name) === name);
  return found === undefined ? null : Uint8Array.from(elf.subarray(found.offset, found.offset + found.size));
}

/** The text that ends with a zero byte at or after `start`. */
export function textAt(bytes: Uint8Array, start: number): string {
  const end = bytes.indexOf(0, start);
  return Buffer.from(bytes.subarray(start, end < 0 ? bytes.length : end)).toString("utf8");
}

function readSections(view: DataView): Section[] {
  const start = Number(view.getBigUint64(40, true));
  const size = view.getUint16(58, true);
  return Array.from({ length: view.getUint16(60, true) }, (_, index) => {
    const at = start + index * size;
    return {
      name: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
    };
  });
}
