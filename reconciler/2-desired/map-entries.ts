// SPDX-License-Identifier: Apache-2.0
import { type Encoded, encodeRaw, encodeValue } from "../../bpf/btf/encode.ts";
import { sizeOf } from "../../bpf/btf/resolve.ts";
import { type Entries, packEntries } from "../../bpf/kernel/entries.ts";
import type { MapDefinition, MapSpec } from "../../bpf/object/spec.ts";
import type { OpenedObject } from "./opened-object.ts";
import { oneOf } from "./suggest.ts";
import type { YamlNode, YamlPath } from "./yaml-tree.ts";
import { plainValue } from "./yaml-tree.ts";

/** Entries of one map in bytes, sorted by key, each with the path of its place below the map in the policy. */
export interface MapEntries {
  readonly entries: Entries;
  readonly places: readonly YamlPath[];
  readonly problems: readonly EntryProblem[];
}

export interface EntryProblem {
  /** Below the map. */
  readonly path: YamlPath;
  /** It is the key before the value at `path` that is wrong. */
  readonly aboutKey: boolean;
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** Types whose entries a policy can give. Others hold what programs or the kernel put there, or no entries at all. */
const settable = ["hash", "array", "lru_hash", "lpm_trie", "cpumap"];

/** Types that sockets are put into, by the process that has them. */
const forSockets = ["xskmap", "sockmap", "sockhash", "reuseport_sockarray"];

/** Reads what `maps:` says of one map: a mapping, or a list of {key, value}. The node has passed the schema. */
export function mapEntries(object: OpenedObject, map: MapSpec, node: YamlNode): MapEntries {
  const { definition } = map;
  if (!settable.includes(definition.type)) {
    const why = forSockets.includes(definition.type)
      ? "it holds sockets, which the process that owns them puts in, at the pin that `sluice inspect` shows"
      : `only entries of ${oneOf(settable)} can be given`;
    const message = `Map "${map.name}" is of type "${definition.type}": ${why}`;
    return {
      entries: packEntries([], definition.keySize, definition.valueSize),
      places: [],
      problems: [entryProblem([], "unsuitable-map", message)],
    };
  }
  const problems: EntryProblem[] = [];
  const written = writtenEntries(node).flatMap((entry) => encodeEntry(object, definition, entry, problems));
  problems.push(...repeatedKeys(written), ...tooMany(map, written));
  const sorted = [...written].sort((a, b) => Buffer.compare(a.key, b.key));
  const fitting = problems.length === 0 ? sorted : [];
  const pairs = fitting.map(({ key, value }) => [key, value] as const);
  return { entries: packEntries(pairs, definition.keySize, definition.valueSize), places: fitting.map((entry) => entry.place), problems };
}

/** An entry as it is written. */
export interface WrittenEntry {
  readonly key: unknown;
  readonly value: unknown;
  readonly keyPath: YamlPath;
  readonly valuePath: YamlPath;
  /** The key is one of a YAML mapping, so it is pointed at as a key. */
  readonly isKey: boolean;
}

interface EncodedEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly place: YamlPath;
  readonly isKey: boolean;
}

/** The entries of a mapping, or of a list of {key, value}. */
export function writtenEntries(node: YamlNode): readonly WrittenEntry[] {
  if (node.kind === "map") {
    return node.entries.map(({ key, value }) => {
      const path = [String(key.value)];
      return { key: key.value, value: plainValue(value), keyPath: path, valuePath: path, isKey: true };
    });
  }
  const items = plainValue(node) as readonly { readonly key: unknown; readonly value: unknown }[];
  return items.map(({ key, value }, index) => ({ key, value, keyPath: [index, "key"], valuePath: [index, "value"], isKey: false }));
}

function encodeEntry(
  object: OpenedObject,
  definition: MapDefinition,
  entry: WrittenEntry,
  problems: EntryProblem[],
): readonly EncodedEntry[] {
  const key = encode(object, definition.btfKey, definition.keySize, entry.key, entry.keyPath);
  const value = encode(object, definition.btfValue, definition.valueSize, entry.value, entry.valuePath);
  if (key.kind === "problems") problems.push(...key.problems.map((found) => ({ ...found, aboutKey: entry.isKey })));
  if (value.kind === "problems") problems.push(...value.problems.map((found) => ({ ...found, aboutKey: false })));
  if (key.kind === "problems" || value.kind === "problems") return [];
  const misfit = keyMisfit(definition, key.bytes);
  if (misfit !== null) problems.push({ ...entryProblem(entry.keyPath, "out-of-range", misfit), aboutKey: entry.isKey });
  return [{ key: key.bytes, value: value.bytes, place: entry.keyPath, isKey: entry.isKey }];
}

function encode(object: OpenedObject, type: number, size: number, value: unknown, place: YamlPath): Encoded {
  const isTyped = object.btf !== null && type !== 0 && sizeOf(object.btf, type) === size;
  return isTyped ? encodeValue(object.btf, type, value, place) : encodeRaw(size, value, place);
}

/** What the kernel would refuse of a key that fits its type. */
function keyMisfit(definition: MapDefinition, key: Uint8Array): string | null {
  // Keys of both types begin with a 32-bit number; an object that says otherwise is refused by the kernel.
  const number = Buffer.concat([key, new Uint8Array(4)]).readUInt32LE(0);
  if (definition.type === "array" || definition.type === "cpumap") {
    return number < definition.maxEntries
      ? null
      : `Key ${number} does not fit the ${definition.type}: it has the keys 0 to ${definition.maxEntries - 1}`;
  }
  if (definition.type !== "lpm_trie") return null;
  const longest = (key.length - 4) * 8;
  return number <= longest ? null : `Prefix length ${number} does not fit the key: at most ${longest}`;
}

function repeatedKeys(entries: readonly EncodedEntry[]): readonly EntryProblem[] {
  const seen = new Set<string>();
  return entries.flatMap(({ key, place, isKey }) => {
    const text = Buffer.from(key).toString("latin1");
    const isNew = !seen.has(text);
    seen.add(text);
    return isNew ? [] : [{ ...entryProblem(place, "duplicate-key", "This key stands here a second time"), aboutKey: isKey }];
  });
}

function tooMany({ name, definition }: MapSpec, entries: readonly EncodedEntry[]): readonly EntryProblem[] {
  if (entries.length <= definition.maxEntries || ["array", "cpumap"].includes(definition.type)) return [];
  return [entryProblem([], "out-of-range", `${entries.length} entries do not fit map "${name}": it has room for ${definition.maxEntries}`)];
}

/** A problem of the value at a path below the map. */
export function entryProblem(path: YamlPath, code: string, message: string): EntryProblem {
  return { path, aboutKey: false, code, message, hint: null };
}
