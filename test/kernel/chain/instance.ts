// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import type { LinkedChain } from "../../../bpf/chain/linked-chain.ts";
import { packEntries } from "../../../bpf/kernel/entries.ts";
import type { HookKind, Kernel, MapBinding } from "../../../bpf/kernel/kernel.ts";
import { sortEntries } from "../../../bpf/kernel/sort-entries.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";
import type { MapSpec, ObjectSpec } from "../../../bpf/object/spec.ts";
import type { CorpusProgram } from "../../corpus/corpus.ts";

/** A program of the corpus, relocated: everything that does not depend on which maps it runs with. */
export interface Prepared {
  readonly program: CorpusProgram;
  readonly spec: ObjectSpec;
  readonly relocated: RelocatedProgram;
  /** Functions that its program arrays lead to. */
  readonly targets: Readonly<Record<string, RelocatedProgram>>;
}

/** Fresh maps for one program, filled. */
export interface Instance {
  readonly prepared: Prepared;
  readonly folder: string;
  /** What the map names of the program stand for. */
  readonly bindings: Readonly<Record<string, MapBinding>>;
  /** Pins whose contents can be read and compared. */
  readonly readable: readonly string[];
}

/** Relocates a program, with maps below `folder` that are only good for that. */
export async function prepare(kernel: Kernel, program: CorpusProgram, folder: string): Promise<Prepared> {
  const spec = openObject(program.object);
  const maps = Object.fromEntries(ownMaps(spec).map(({ name }) => [name, mapPin(folder, name)]));
  await createMaps(kernel, spec, folder);
  const relocate = (name: string): Promise<RelocatedProgram> =>
    kernel.relocate({ object: program.object, function: name, hook: program.hook, globals: {}, maps });
  const targets: Record<string, RelocatedProgram> = {};
  for (const name of new Set(Object.values(program.targets).flat())) targets[name] = await relocate(name);
  return { program, spec, relocated: await relocate(program.function), targets };
}

/** Maps below `folder` as the program wants to find them. */
export async function instantiate(kernel: Kernel, prepared: Prepared, folder: string): Promise<Instance> {
  const { program, spec, relocated } = prepared;
  await createMaps(kernel, spec, folder);
  const bindings = Object.fromEntries(spec.maps.map((map) => [map.name, bind(map, spec, folder, relocated.kconfig)]));
  for (const map of ownMaps(spec)) await fill(kernel, program, map, mapPin(folder, map.name));
  for (const [map, names] of Object.entries(program.targets)) {
    for (const [slot, name] of names.entries()) await lead(kernel, prepared, { folder, map, slot, name, bindings });
  }
  const inner: string[] = [];
  for (const map of program.filled) inner.push(await addInner(kernel, spec, folder, map));
  const compared = ownMaps(spec).filter(
    ({ name, definition }) =>
      !program.timed.includes(name) && !/^(prog_array|perf_event_array|ringbuf|devmap|cpumap|xskmap|.*_of_maps)$/.test(definition.type),
  );
  return { prepared, folder, bindings, readable: [...compared.map(({ name }) => mapPin(folder, name)), ...inner] };
}

/** A program as the kernel verified it, on its own: nothing of it has gone through the linker. */
export function alone(program: RelocatedProgram, hook: HookKind): LinkedChain {
  const { license, frags, instructions, btf, functions, lines } = program;
  return { kind: "linked", name: "sl_alone", hook, license, frags, instructions, btf, functions, lines, steps: [] };
}

/** Contents of a map, in the order of keys, the values of all CPUs added up. */
export async function contents(kernel: Kernel, pin: string, perCpu: boolean): Promise<readonly string[]> {
  const { count, keys, keySize, values, valueSize } = sortEntries(await kernel.readMap(pin));
  return Array.from({ length: count }, (_, index) => {
    const key = Buffer.from(keys.subarray(index * keySize, (index + 1) * keySize)).toString("hex");
    const value = Buffer.from(values.subarray(index * valueSize, (index + 1) * valueSize));
    return `${key}: ${perCpu ? sumWords(value) : value.toString("hex")}`;
  });
}

export function isPerCpu({ prepared: { spec } }: Instance, pin: string): boolean {
  const map = spec.maps.find(({ name }) => pin.endsWith(`/${escape(name)}`));
  return map?.definition.type.includes("percpu") ?? false;
}

async function createMaps(kernel: Kernel, spec: ObjectSpec, folder: string): Promise<void> {
  for (const { name, definition, initial } of ownMaps(spec)) {
    const pin = mapPin(folder, name);
    // Some leave their size to whoever loads them.
    const isOpen = definition.maxEntries === 0 && /^(hash|perf_event_array)$/.test(definition.type);
    const sized = isOpen ? { ...definition, maxEntries: 16 } : definition;
    await kernel.createMap(pin, { name: escape(name).slice(0, 15), definition: sized, btf: spec.btf });
    if (initial !== null) await kernel.writeMap(pin, packEntries([[new Uint8Array(4), initial]], 4, initial.length), nothing(4));
  }
}

async function fill(kernel: Kernel, program: CorpusProgram, { name, definition }: MapSpec, pin: string): Promise<void> {
  const entries = program.entries[name];
  if (entries === undefined) return;
  const cpus = definition.type.includes("percpu") ? possibleCpus() : 1;
  const pairs = entries.map(([key, value]) => [Buffer.from(key, "hex"), Buffer.from(value.repeat(cpus), "hex")] as const);
  await kernel.writeMap(pin, packEntries(pairs, definition.keySize, definition.valueSize * cpus), nothing(definition.keySize));
}

interface Target {
  readonly folder: string;
  readonly map: string;
  readonly slot: number;
  readonly name: string;
  readonly bindings: Readonly<Record<string, MapBinding>>;
}

async function lead(kernel: Kernel, { program, targets }: Prepared, { folder, map, slot, name, bindings }: Target): Promise<void> {
  const pin = `${folder}/target-${name}`;
  await kernel.load(pin, { chain: alone(targets[name] as RelocatedProgram, program.hook), maps: bindings });
  updateByPin(mapPin(folder, map), slot, pin);
}

async function addInner(kernel: Kernel, spec: ObjectSpec, folder: string, map: string): Promise<string> {
  const template = spec.maps.find(({ name }) => name === map)?.definition.inner;
  if (template === null || template === undefined) throw new Error(`${map} has no template`);
  const pin = `${folder}/${escape(map)}-inner`;
  await kernel.createMap(pin, { name: "inner", definition: template, btf: spec.btf });
  updateByPin(mapPin(folder, map), 0, pin);
  return pin;
}

/** Values that are fds are bpftool's business: the kernel interface of Sluice has none. */
function updateByPin(map: string, slot: number, pin: string): void {
  execFileSync("bpftool", ["map", "update", "pinned", map, "key", String(slot), "0", "0", "0", "value", "pinned", pin], { stdio: "pipe" });
}

function bind(map: MapSpec, spec: ObjectSpec, folder: string, kconfig: Uint8Array | undefined): MapBinding {
  if (map.role !== "rodata" && map.role !== "kconfig") return { kind: "pinned", path: mapPin(folder, map.name) };
  const value = (map.role === "kconfig" ? kconfig : map.initial) ?? new Uint8Array(map.definition.valueSize);
  return { kind: "constant", name: ".rodata", definition: map.definition, value, btf: spec.btf };
}

function ownMaps(spec: ObjectSpec): readonly MapSpec[] {
  return spec.maps.filter(({ role }) => role !== "rodata" && role !== "kconfig");
}

function mapPin(folder: string, map: string): string {
  return `${folder}/${escape(map)}`;
}

/** bpffs takes no dots. */
function escape(name: string): string {
  return name.replaceAll(".", "_");
}

function nothing(keySize: number) {
  return { keySize, valueSize: 0, count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) };
}

function possibleCpus(): number {
  return Number(execFileSync("sh", ["-c", "sed 's/.*-//' /sys/devices/system/cpu/possible"], { encoding: "utf8" })) + 1;
}

function sumWords(value: Buffer): string {
  const words = Array.from({ length: value.length / 8 }, (_, index) => value.readBigUInt64LE(index * 8));
  return words.reduce((sum, word) => sum + word, 0n).toString();
}
