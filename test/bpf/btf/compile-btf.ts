// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The .BTF section that clang makes of C source. Without libbpf's fix-ups: sections of variables have size 0. */
export function compileBtf(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "sluice-btf-"));
  try {
    const [input, output] = [join(folder, "a.c"), join(folder, "a.o")];
    writeFileSync(input, source);
    execFileSync("clang", ["-O2", "-g", "-target", "bpf", "-c", input, "-o", output], { stdio: "pipe" });
    return elfSection(readFileSync(output), ".BTF");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** ELF64, little endian: what clang writes for BPF. */
function elfSection(elf: Buffer, name: string): Uint8Array {
  const table = Number(elf.readBigUInt64LE(0x28));
  const entry = (index: number) => {
    const at = table + index * 64;
    const offset = Number(elf.readBigUInt64LE(at + 24));
    return { name: elf.readUInt32LE(at), body: elf.subarray(offset, offset + Number(elf.readBigUInt64LE(at + 32))) };
  };
  const names = entry(elf.readUInt16LE(0x3e)).body;
  for (let index = 1; index < elf.readUInt16LE(0x3c); index++) {
    const section = entry(index);
    if (names.toString("latin1", section.name, names.indexOf(0, section.name)) === name) return new Uint8Array(section.body);
  }
  throw new Error(`No section ${name}`);
}
