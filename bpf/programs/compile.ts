// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

export interface CompileOptions {
  /** "-DNAME=VALUE" and the like. */
  readonly flags?: readonly string[];
  /** This folder is written as "." in debug information, so that objects name no machine's paths. */
  readonly root: string;
}

/**
 * Compiles one BPF C file with clang into an object with BTF. The same source and clang give the same bytes wherever it is done.
 * Throws an Error whose message is clang's output, or says how to install clang.
 */
export function compileBpf(source: string, output: string, options: CompileOptions): void {
  const arguments_ = [...compileArguments(source, options), "-o", output];
  const run = spawnSync("clang", arguments_, { cwd: options.root, encoding: "utf8" });
  if (run.error !== undefined) throw clangMissing(run.error);
  if (run.status !== 0) throw new Error(`Cannot compile "${source}":\n${run.stderr.trim()}`);
}

/** What the object depends on beside its sources: clang's version and the arguments. */
export function compilerIdentity(options: CompileOptions): string {
  try {
    return `${execFileSync("clang", ["--version"], { encoding: "utf8" })}\n${compileArguments("", options).slice(0, -1).join(" ")}`;
  } catch (error) {
    throw clangMissing(error);
  }
}

/** The source with the files it includes by relative path, in the order met. */
export function sourceFiles(source: string): readonly string[] {
  const files = [resolve(source)];
  for (let at = 0; at < files.length; at += 1) {
    const file = files[at] as string;
    for (const [, name] of readFileSync(file, "utf8").matchAll(/^#include "([^"]+)"$/gm)) {
      const included = resolve(dirname(file), name as string);
      if (!files.includes(included)) files.push(included);
    }
  }
  return files;
}

function compileArguments(source: string, { flags = [], root }: CompileOptions): readonly string[] {
  return [
    ...["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror"],
    `-ffile-prefix-map=${resolve(root)}=.`,
    "-fdebug-compilation-dir=.",
    // Debian keeps <asm/types.h> in a folder of the architecture, which clang leaves out when the target is BPF.
    ...asmFolders().flatMap((folder) => ["-idirafter", folder]),
    ...flags,
    ...["-c", source],
  ];
}

function asmFolders(): readonly string[] {
  const gnuNames: Readonly<Record<string, string>> = {
    x64: "x86_64",
    arm64: "aarch64",
    riscv64: "riscv64",
    ppc64: "powerpc64le",
    s390x: "s390x",
  };
  const name = gnuNames[process.arch];
  return name === undefined ? [] : [`/usr/include/${name}-linux-gnu`];
}

function clangMissing(cause: unknown): Error {
  return new Error("Cannot run clang, which compiles the filters: install it with `apt-get install clang libbpf-dev linux-libc-dev`", {
    cause,
  });
}
