// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const architectures: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64", riscv64: "riscv64" };

const flags = [
  "-O2",
  "-g",
  "-Wall",
  "-Werror",
  "-target",
  "bpf",
  "-mcpu=v3",
  // <asm/types.h> lies in the architecture's own folder, which clang does not search for the target bpf.
  `-I/usr/include/${architectures[process.arch] ?? process.arch}-linux-gnu`,
];

/** Compiles BPF C to an ELF object; the same source is compiled once per machine. `name` shows in line information. */
export function compile(source: string, name: string, extraFlags: readonly string[] = []): Uint8Array {
  const all = [...flags, ...extraFlags];
  const digest = createHash("sha256")
    .update(JSON.stringify([source, name, all]))
    .digest("hex");
  const folder = join(tmpdir(), `sluice-objects-${process.getuid?.() ?? 0}`);
  const object = join(folder, `${digest}.bpf.o`);
  if (!existsSync(object)) build(source, `${name}.bpf.c`, all, folder, object);
  return new Uint8Array(readFileSync(object));
}

function build(source: string, file: string, all: readonly string[], folder: string, object: string): void {
  const work = join(folder, `${process.pid}-${process.hrtime.bigint()}`);
  mkdirSync(work, { recursive: true, mode: 0o700 });
  writeFileSync(join(work, file), source);
  const { status, stderr } = spawnSync("clang", [...all, "-c", file, "-o", "object"], { cwd: work, encoding: "utf8" });
  if (status !== 0) throw new Error(`clang refuses ${file}:\n${stderr}`);
  // Another process may be compiling the same: a rename is either of them, whole.
  renameSync(join(work, "object"), object);
}
