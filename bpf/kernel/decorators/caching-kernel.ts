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
const format = 4;

/**
 * Remembers on disk what `relocate` gave: a step that this kernel has verified once is neither relocated nor verified alone again,
 * so a reorder costs one load. `definitionOf` names what a pinned map is, for the same step to be known wherever its maps are pinned;
 * by default that is its path. The files hold nothing that cannot be made again; one that cannot be read or written is passed over.
 */
export function cachingKernel(kernel: Kernel, directory: string, definitionOf: (pin: string) => string = (pin) => pin): Kernel {
  const relocate = async (request: RelocateRequest): Promise<RelocatedProgram> => {
    const path = join(directory, `${keyOf(request, definitionOf)}.json`);
    const known = read(path);
    if (known !== null) return known;
    const program = await kernel.relocate(request);
    write(directory, path, program);
    return program;
  };
  return { ...kernel, relocate };
}

function keyOf(
  { object, function: name, hook, heldIn, globals, maps, frags }: RelocateRequest,
  definitionOf: (pin: string) => string,
): string {
  const definitions = Object.entries(maps).map(([map, pin]) => [map, definitionOf(pin)]);
  const hash = createHash("sha256").update(object);
  hash.update(JSON.stringify([format, release(), version(), name, heldIn ?? hook, frags ?? null, definitions.sort()]));
  for (const [map, bytes] of Object.entries(globals).sort()) hash.update(map).update(bytes);
  return hash.digest("hex");
}

interface CacheFile {
  readonly program: Omit<RelocatedProgram, "instructions" | "btf" | "kconfig">;
  readonly instructions: string;
  readonly maps: readonly (readonly [number, string])[];
  readonly localTypes: readonly number[];
  readonly btf: string | null;
  readonly kconfig?: string;
}

function read(path: string): RelocatedProgram | null {
  try {
    const file = JSON.parse(readFileSync(path, "utf8")) as CacheFile;
    utimesSync(path, new Date(), new Date());
    const maps = new Map(file.maps);
    const localTypes = new Set(file.localTypes);
    const instructions = decodeInstructions(fromBase64(file.instructions)).map((instruction, index) => {
      const map = maps.get(index);
      if (localTypes.has(index)) return { ...instruction, localType: true } as const;
      return map === undefined ? instruction : { ...instruction, map };
    });
    const kconfig = file.kconfig === undefined ? {} : { kconfig: fromBase64(file.kconfig) };
    return { ...file.program, ...kconfig, instructions, btf: file.btf === null ? null : fromBase64(file.btf) };
  } catch {
    return null;
  }
}

function write(directory: string, path: string, { instructions, btf, kconfig, ...program }: RelocatedProgram): void {
  const file: CacheFile = {
    program,
    instructions: toBase64(encodeInstructions(instructions)),
    maps: instructions.flatMap(({ map }, index) => (map === undefined ? [] : [[index, map] as const])),
    localTypes: instructions.flatMap(({ localType }, index) => (localType === true ? [index] : [])),
    btf: btf === null ? null : toBase64(btf),
    ...(kconfig === undefined ? {} : { kconfig: toBase64(kconfig) }),
  };
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.tmp`, JSON.stringify(file), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
    forgetOldest(directory);
  } catch {
    removeIfPossible(`${path}.tmp`);
  }
}

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What cannot be written cannot be cleared up either: a file stands where the directory should be, say.
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function forgetOldest(directory: string): void {
  const names = readdirSync(directory);
  if (names.length <= mostFiles) return;
  const files = names.map((name) => ({ path: join(directory, name), used: statSync(join(directory, name)).mtimeMs }));
  files.sort((a, b) => b.used - a.used);
  for (const { path } of files.slice(mostFiles)) rmSync(path, { force: true });
}
