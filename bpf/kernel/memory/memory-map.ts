// SPDX-License-Identifier: Apache-2.0
import type { MapDefinition } from "../../object/spec.ts";
import type { HookKind } from "../kernel.ts";
import { KernelError } from "../kernel-error.ts";
import { createArrayStorage, createHashStorage, createPrefixStorage, createSparseStorage, type MapStorage } from "./map-storage.ts";

/** A map of the memory kernel. */
export interface MemoryMap {
  readonly kind: "map";
  readonly id: number;
  readonly name: string;
  readonly definition: MapDefinition;
  /** Bytes of a value as user space sees it. */
  readonly storedSize: number;
  /** Bytes of one CPU's value. */
  readonly valueSize: number;
  /** The CPUs that have a value of their own; 1 for maps that are shared. */
  readonly copies: number;
  readonly storage: MapStorage;
  /** What programs put into a ring buffer, oldest first; null for other maps. */
  readonly records: Uint8Array[] | null;
  frozen: boolean;
  /** Program arrays: the kind of program that the first one was; every other has to be of it. */
  owner: ProgramKind | null;
}

/** What the programs of one program array have in common. */
export interface ProgramKind {
  readonly hook: HookKind;
  readonly frags: boolean;
}

/** Types whose entries are references to maps, programs or devices. */
const sparse: ReadonlySet<string> = new Set(["prog_array", "array_of_maps", "devmap", "cpumap", "xskmap"]);
const hashes: ReadonlySet<string> = new Set(["hash", "percpu_hash", "lru_hash", "lru_percpu_hash", "hash_of_maps", "devmap_hash"]);
const noPreallocation = 1;
/** BPF_OBJ_NAME_LEN without its zero; libbpf cuts what is longer. */
const longestName = 15;
const largestPerCpuValue = 32 * 1024;

/** Makes a map, or refuses it as BPF_MAP_CREATE does. Throws for types it does not know. */
export function createMemoryMap(id: number, name: string, definition: MapDefinition, cpus: number): MemoryMap {
  const problem = whyImpossible(definition);
  if (problem !== null)
    throw new KernelError(`Cannot create the map "${name}": ${problem.text}`, { call: "BPF_MAP_CREATE", errno: problem.errno });
  const copies = isPerCpu(definition.type) ? cpus : 1;
  const storedSize = copies === 1 && !isPerCpu(definition.type) ? definition.valueSize : copies * roundUp(definition.valueSize);
  return {
    kind: "map",
    id,
    name: name.slice(0, longestName),
    definition,
    storedSize,
    valueSize: definition.valueSize,
    copies,
    storage: createStorage(definition, storedSize),
    records: definition.type === "ringbuf" || definition.type === "perf_event_array" ? [] : null,
    frozen: false,
    owner: null,
  };
}

/** The part of a stored value that belongs to one CPU, live. */
export function valueOfCpu(map: MemoryMap, stored: Uint8Array, cpu: number): Uint8Array {
  if (!isPerCpu(map.definition.type)) return stored;
  const start = cpu * roundUp(map.valueSize);
  return stored.subarray(start, start + map.valueSize);
}

/** One value per CPU. */
export function isPerCpu(type: string): boolean {
  return type === "percpu_array" || type === "percpu_hash" || type === "lru_percpu_hash";
}

/** Entries that user space writes as fds and reads as ids. */
export function holdsReferences(type: string): boolean {
  return holdsMaps(type) || type === "prog_array";
}

/** Entries that are maps. */
export function holdsMaps(type: string): boolean {
  return type === "array_of_maps" || type === "hash_of_maps";
}

/** Bytes from one CPU's value to the next one's. */
export function roundUp(size: number): number {
  return (size + 7) & ~7;
}

function createStorage(definition: MapDefinition, storedSize: number): MapStorage {
  const { type, maxEntries, keySize } = definition;
  if (type === "array" || type === "percpu_array") return createArrayStorage(maxEntries, storedSize);
  if (sparse.has(type)) return createSparseStorage(maxEntries);
  if (hashes.has(type)) return createHashStorage(maxEntries, type.startsWith("lru_"));
  if (type === "lpm_trie") return createPrefixStorage(maxEntries, keySize);
  return createSparseStorage(0);
}

function whyImpossible(definition: MapDefinition): { errno: string; text: string } | null {
  const { type, keySize, valueSize, maxEntries, flags } = definition;
  const invalid = (text: string) => ({ errno: "EINVAL", text });
  if (type === "ringbuf") {
    const fits = maxEntries >= 4096 && (maxEntries & (maxEntries - 1)) === 0 && keySize === 0 && valueSize === 0;
    return fits ? null : invalid("a ring buffer needs a size that is a power of two and whole pages, and neither key nor value");
  }
  if (maxEntries === 0) return invalid("max_entries is 0");
  if (type === "array" || type === "percpu_array" || sparse.has(type) || type === "perf_event_array") {
    if (keySize !== 4) return invalid(`the key of an array has 4 bytes, not ${keySize}`);
  } else if (type === "lpm_trie") {
    if ((flags & noPreallocation) === 0) return invalid("an lpm_trie needs the flag BPF_F_NO_PREALLOC");
    if (keySize < 5 || keySize > 260) return invalid(`the key of an lpm_trie has 5 to 260 bytes, not ${keySize}`);
  } else if (!hashes.has(type)) {
    return invalid(`the memory kernel does not know the map type "${type}"`);
  }
  if (keySize === 0 || valueSize === 0) return invalid("key and value need at least one byte");
  if (isPerCpu(type) && roundUp(valueSize) > largestPerCpuValue)
    return { errno: "E2BIG", text: `a per-CPU value has at most ${largestPerCpuValue} bytes` };
  if (holdsMaps(type) && definition.inner === null) return { errno: "EBADF", text: "a map of maps needs a template" };
  return null;
}
