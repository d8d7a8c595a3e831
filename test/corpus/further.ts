// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openObject } from "../../bpf/object/open-object.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { compile } from "../lab/compile.ts";
import { type CorpusProgram, corpusProgram, xdpToolsCorpus, xdpToolsFolder } from "./corpus.ts";

/** C files outside of this folder that the set-up builds as well, for fixtures, policies, benchmarks and the kernel in memory. */
const folders = ["fixtures/policies/objects", "policies/own-object/objects", "test/bench", "test/kernel/memory"];

/** Files and functions of these folders and of xdp-tools that no chains are made of, and why. */
const exceptions: ReadonlyMap<string, string> = new Map([
  ["test/bench/chain.bpf.c", "a hundred copies of one filter"],
  ["test/bench/small-steps.bpf.c", "thirty copies of one filter"],
  ["test/bench/live-frames.bpf.c", "counts what it has sent, and sends for ever"],
  ["adjust_limits", "takes all room in front of a packet, of which every run of BPF_PROG_TEST_RUN has it all again"],
  ["parse_tcp", "a target of tail calls, not a step"],
]);

/**
 * Every other program for a device that the set-up builds or installs: what xdp-tools has beside its filters, and the objects of fixtures,
 * policies and benchmarks.
 */
export function furtherCorpus(): readonly CorpusProgram[] {
  const known = new Set(xdpToolsCorpus().map(({ function: name }) => name));
  const installed = installedObjects().flatMap(programsOf);
  return [...installed.filter(({ function: name }) => !known.has(name)), ...builtObjects().flatMap(programsOf)];
}

function installedObjects(): readonly Uint8Array[] {
  const folder = xdpToolsFolder();
  if (folder === undefined) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith(".o"));
  return files.map((file) => new Uint8Array(readFileSync(join(folder, file))));
}

function builtObjects(): readonly Uint8Array[] {
  return folders.flatMap((folder) =>
    readdirSync(join(packageRoot(), folder))
      .filter((file) => file.endsWith(".bpf.c") && !exceptions.has(`${folder}/${file}`))
      .map((file) => compile(readFileSync(join(packageRoot(), folder, file), "utf8"), basename(file, ".bpf.c"))),
  );
}

/** Those that attach to a device themselves; others are entries of devmaps, or trace. */
function programsOf(object: Uint8Array): readonly CorpusProgram[] {
  return openObject(object)
    .programs.filter(({ name, type, heldIn }) => (type === "xdp" || type === "tc") && heldIn === undefined && !exceptions.has(name))
    .map(({ name, type }) => corpusProgram(type === "xdp" ? "xdp" : "tc-ingress", name, object));
}
