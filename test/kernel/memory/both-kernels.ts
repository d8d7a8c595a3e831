// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LinkedChain } from "../../../bpf/chain/linked-chain.ts";
import { type Entries, entryAt, noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import type { HookKind, Kernel, MapBinding, Pin, RunResult } from "../../../bpf/kernel/kernel.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { createMemoryKernel, type MemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { libc } from "../../../bpf/libbpf-ffi/libc.ts";
import { libbpf } from "../../../bpf/libbpf-ffi/library.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";
import type { ObjectSpec } from "../../../bpf/object/spec.ts";
import { packageRoot } from "../../../bpf/package-root.ts";
import type { CorpusProgram } from "../../corpus/corpus.ts";
import type { Lab } from "../../lab/lab.ts";

/** The same done to the real kernel and to one in memory, under the same paths. */
export interface Both {
  readonly real: Kernel;
  readonly memory: MemoryKernel;
  readonly root: string;
  /** Fills one slot of a map of maps or programs with what is pinned elsewhere, in both. */
  link(outer: string, slot: number, target: string): Promise<void>;
}

/** A lab's kernel beside a memory kernel with as many CPUs. */
export function bothKernels(lab: Lab): Both {
  const memory = createMemoryKernel({ cpus: libbpf().libbpf_num_possible_cpus() });
  return {
    real: lab.kernel,
    memory,
    root: lab.root,
    async link(outer, slot, target) {
      const key = word(slot);
      const [pin] = (await memory.pins(parent(target))).filter(({ path }) => path === target);
      memory.tamperPut(outer, key, word((pin as Pin).id));
      const map = libbpf().bpf_obj_get(outer);
      const held = libbpf().bpf_obj_get(target);
      const result = libbpf().bpf_map_update_elem(map, key, word(held), 0);
      libc().close(map);
      libc().close(held);
      if (result < 0) throw new Error(`Cannot put ${target} into ${outer}: ${result}`);
    },
  };
}

/** A C file beside these tests. */
export function compileBeside(lab: Lab, name: string): Uint8Array {
  return lab.compile(readFileSync(join(packageRoot(), "test/kernel/memory", `${name}.bpf.c`), "utf8"), name);
}

/** Where a program belongs, by its section. */
export function hookOf(spec: ObjectSpec, name: string): HookKind {
  return spec.programs.find((program) => program.name === name)?.type === "tc" ? "tc-ingress" : "xdp";
}

/** Creates every map of an object in both kernels, and fills variables and maps of maps. Returns pins by map name. */
export async function createMaps(both: Both, object: Uint8Array, folder: string): Promise<Record<string, string>> {
  const spec = openObject(object);
  const pins: Record<string, string> = {};
  for (const map of spec.maps) {
    if (map.role === "rodata" || map.role === "kconfig") continue;
    const pin = `${both.root}/${folder}/${map.name.replaceAll(".", "_")}`;
    pins[map.name] = pin;
    for (const kernel of [both.real, both.memory]) {
      await kernel.createMap(pin, { name: map.name, definition: map.definition, btf: spec.btf });
      if (map.initial !== null) await kernel.writeMap(pin, packEntries([[word(0), map.initial]], 4, map.initial.length), noEntries(4, 0));
    }
    if (map.definition.inner === null) continue;
    const inner = `${pin}_inner`;
    for (const kernel of [both.real, both.memory])
      await kernel.createMap(inner, { name: "inner", definition: map.definition.inner, btf: null });
    pins[`${map.name}_inner`] = inner;
    await both.link(pin, 0, inner);
  }
  return pins;
}

/** Loads programs of an object into both kernels. Returns pins by function name. */
export async function loadPrograms(
  both: Both,
  object: Uint8Array,
  { names, hook, folder }: { readonly names: readonly string[]; readonly hook: HookKind; readonly folder: string },
  maps: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, string>> {
  const programs = new Map<string, string>();
  const bound = bindings(openObject(object), maps);
  for (const name of names) {
    const pin = `${both.root}/${folder}/programs/${name}`;
    for (const kernel of [both.real, both.memory]) {
      const relocated = await kernel.relocate({ object, function: name, hook, globals: {}, maps });
      await kernel.load(pin, { chain: alone(relocated, hook), maps: bound });
    }
    programs.set(name, pin);
  }
  return programs;
}

/** Makes a program of the corpus ready to run in both kernels, with its maps, their contents and its tail call targets. */
export async function settle(
  both: Both,
  program: CorpusProgram,
): Promise<{ readonly pin: string; readonly maps: Readonly<Record<string, string>> }> {
  const { object, hook, function: name, entries, targets } = program;
  const maps = await createMaps(both, object, name);
  for (const [map, pairs] of Object.entries(entries)) {
    const pin = maps[map];
    if (pin !== undefined) await fill(both, object, { map, pin }, pairs);
  }
  const called = Object.values(targets).flat();
  const programs = await loadPrograms(both, object, { names: [...called, name], hook, folder: name }, maps);
  for (const [map, functions] of Object.entries(targets)) {
    for (const [slot, target] of functions.entries()) await both.link(maps[map] as string, slot, programs.get(target) as string);
  }
  return { pin: programs.get(name) as string, maps };
}

/** A program as if it were a chain of its own. */
export function alone(program: RelocatedProgram, hook: HookKind): LinkedChain {
  const { license, frags, instructions, btf, functions, lines } = program;
  return { kind: "linked", name: program.name.slice(0, 15), hook, license, frags, instructions, btf, functions, lines, steps: [] };
}

/** Entries as sorted lines; the values of CPUs added up, because the two kernels run programs on different ones. */
export function printEntries(entries: Entries, perCpu: boolean): string[] {
  return Array.from({ length: entries.count }, (_, index) => entryAt(entries, index))
    .map(([key, value]) => `${hex(key)} = ${perCpu ? sumOfWords(value) : hex(value)}`)
    .sort();
}

/** What a call gives, or the errno that it throws. */
export async function outcome<Result>(call: Promise<Result>): Promise<Result | string> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof KernelError) return error.errno;
    throw error;
  }
}

/** What of a run is the same in every kernel. */
export async function ending(run: Promise<RunResult>): Promise<{ readonly verdict: number; readonly packet: string }> {
  const { verdict, packet } = await run;
  return { verdict, packet: hex(packet) };
}

export function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** What the map references of a program alone stand for: pins, and constants of the object. */
export function bindings(spec: ObjectSpec, pins: Readonly<Record<string, string>>): Record<string, MapBinding> {
  const bound: Record<string, MapBinding> = {};
  for (const { name, role, definition, initial } of spec.maps) {
    const path = pins[name];
    if (path !== undefined) bound[name] = { kind: "pinned", path };
    else if (role === "rodata" && initial !== null) bound[name] = { kind: "constant", name, definition, value: initial, btf: spec.btf };
  }
  return bound;
}

async function fill(
  both: Both,
  object: Uint8Array,
  { map, pin }: { readonly map: string; readonly pin: string },
  pairs: readonly (readonly [string, string])[],
): Promise<void> {
  const type = openObject(object).maps.find(({ name }) => name === map)?.definition.type ?? "";
  const copies = type.includes("percpu") ? libbpf().libbpf_num_possible_cpus() : 1;
  const packed = pairs.map(([key, value]) => [bytes(key), bytes(value.repeat(copies))] as const);
  const [first] = packed;
  if (first === undefined) return;
  const entries = packEntries(packed, first[0].length, first[1].length);
  for (const kernel of [both.real, both.memory]) await kernel.writeMap(pin, entries, noEntries(first[0].length, 0));
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

function sumOfWords(value: Uint8Array): string {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  let sum = 0n;
  for (let at = 0; at < value.length; at += 8) sum += view.getBigUint64(at, true);
  return String(sum);
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
