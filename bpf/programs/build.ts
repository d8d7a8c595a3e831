// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { argv, exit, stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../package-root.ts";
import { compileBpf, compilerIdentity, sourceFiles } from "./compile.ts";

/**
 * Compiles every bpf/programs/<name>/<name>.bpf.c below `root` into `output`. What is there and was made from the same sources by
 * the same clang stays. Returns the names of the objects that were compiled. Throws when clang is missing or finds an error.
 */
export function buildPrograms(root: string, output: string): readonly string[] {
  const folder = join(root, "bpf/programs");
  mkdirSync(output, { recursive: true });
  const identity = compilerIdentity({ root });
  return sources(folder)
    .filter((source) => buildOne(root, source, output, identity))
    .map((source) => objectName(source));
}

function sources(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".bpf.c"))
    .sort()
    .map((name) => join(folder, name));
}

function objectName(source: string): string {
  return source.replace(/^.*\/(.*)\.bpf\.c$/, "$1.bpf.o");
}

function buildOne(root: string, source: string, output: string, identity: string): boolean {
  const object = join(output, objectName(source));
  const stamp = `${object}.inputs`;
  const inputs = inputsDigest(root, source, identity);
  if (existsSync(object) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return false;
  compileBpf(relative(root, source), `${object}.new`, { root });
  renameSync(`${object}.new`, object);
  writeFileSync(stamp, inputs);
  return true;
}

function inputsDigest(root: string, source: string, identity: string): string {
  const hash = createHash("sha256").update(identity);
  for (const file of sourceFiles(source)) hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  return hash.digest("hex");
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const root = packageRoot();
    for (const name of buildPrograms(root, join(root, "dist/bpf/programs"))) stdout.write(`compiled ${name}\n`);
  } catch (error) {
    stderr.write(`${(error as Error).message}\n`);
    exit(1);
  }
}
