// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { release, version } from "node:os";
import { join } from "node:path";
import type { RelocatedProgram } from "../../object/relocated-program.ts";
import { readRelocated, writeRelocated } from "../../object/relocated-text.ts";
import type { Kernel, RelocateRequest } from "../kernel.ts";

const mostFiles = 512;
const format = 5;

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

function read(path: string): RelocatedProgram | null {
  try {
    const program = readRelocated(readFileSync(path, "utf8"));
    utimesSync(path, new Date(), new Date());
    return program;
  } catch {
    return null;
  }
}

function write(directory: string, path: string, program: RelocatedProgram): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.tmp`, writeRelocated(program), { mode: 0o600 });
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

function forgetOldest(directory: string): void {
  const names = readdirSync(directory);
  if (names.length <= mostFiles) return;
  const files = names.map((name) => ({ path: join(directory, name), used: statSync(join(directory, name)).mtimeMs }));
  files.sort((a, b) => b.used - a.used);
  for (const { path } of files.slice(mostFiles)) rmSync(path, { force: true });
}
