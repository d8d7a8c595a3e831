// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { release, version } from "node:os";
import { join } from "node:path";
import { decodeInstructions } from "../../asm/decode.ts";
import { encodeInstructions } from "../../asm/encode.ts";
import type { RelocatedProgram } from "../../object/relocated-program.ts";
import type { Kernel, RelocateRequest } from "../kernel.ts";

const mostFiles = 512;
const format = 1;

/**
 * Remembers on disk what `relocate` gave: a step that this kernel has verified once is neither relocated nor verified alone again,
 * so a reorder costs one load. The files hold nothing that cannot be made again; one that cannot be read or written is passed over.
 */
export function cachingKernel(kernel: Kernel, directory: string): Kernel {
  const relocate = async (request: RelocateRequest): Promise<RelocatedProgram> => {
    const path = join(directory, `${keyOf(request)}.json`);
    const known = read(path);
    if (known !== null) return known;
    const program = await kernel.relocate(request);
    write(directory, path, program);
    return program;
  };
  return new Proxy(kernel, { get: (target, name) => (name === "relocate" ? relocate : Reflect.get(target, name)) });
}

function keyOf({ object, function: name, hook, globals, maps }: RelocateRequest): string {
  const hash = createHash("sha256").update(object);
  hash.update(JSON.stringify([format, release(), version(), name, hook, Object.entries(maps).sort()]));
  for (const [map, bytes] of Object.entries(globals).sort()) hash.update(map).update(bytes);
  return hash.digest("hex");
}

interface CacheFile {
  readonly program: Omit<RelocatedProgram, "instructions" | "btf">;
  readonly instructions: string;
  readonly maps: readonly (readonly [number, string])[];
  readonly btf: string | null;
}

function read(path: string): RelocatedProgram | null {
  try {
    const file = JSON.parse(readFileSync(path, "utf8")) as CacheFile;
    utimesSync(path, new Date(), new Date());
    const maps = new Map(file.maps);
    const instructions = decodeInstructions(Buffer.from(file.instructions, "base64")).map((instruction, index) => {
      const map = maps.get(index);
      return map === undefined ? instruction : { ...instruction, map };
    });
    return { ...file.program, instructions, btf: file.btf === null ? null : new Uint8Array(Buffer.from(file.btf, "base64")) };
  } catch {
    return null;
  }
}

function write(directory: string, path: string, { instructions, btf, ...program }: RelocatedProgram): void {
  const file: CacheFile = {
    program,
    instructions: Buffer.from(encodeInstructions(instructions)).toString("base64"),
    maps: instructions.flatMap(({ map }, index) => (map === undefined ? [] : [[index, map] as const])),
    btf: btf === null ? null : Buffer.from(btf).toString("base64"),
  };
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.tmp`, JSON.stringify(file), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
    forgetOldest(directory);
  } catch {
    rmSync(`${path}.tmp`, { force: true });
  }
}

function forgetOldest(directory: string): void {
  const names = readdirSync(directory);
  if (names.length <= mostFiles) return;
  const files = names.map((name) => ({ path: join(directory, name), used: statSync(join(directory, name)).mtimeMs }));
  files.sort((a, b) => b.used - a.used);
  for (const { path } of files.slice(mostFiles)) rmSync(path, { force: true });
}
