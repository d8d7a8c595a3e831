// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { MapSpec, ObjectSpec } from "../../bpf/object/spec.ts";
import { suits } from "./choose-function.ts";
import { type EntryProblem, entryProblem, type WrittenEntry, writtenEntries } from "./map-entries.ts";
import { didYouMean, oneOf } from "./suggest.ts";
import type { YamlNode, YamlPath } from "./yaml-tree.ts";

/** What a map leads to by name: functions of the object, or network devices; in the order of their keys. */
export interface MapReferences {
  readonly references: readonly MapReference[];
  readonly problems: readonly EntryProblem[];
}

export interface MapReference {
  readonly key: number;
  readonly name: string;
  /** Of the key, below the map. */
  readonly place: YamlPath;
}

/** What the values of a type of map name; null for a map of plain values. */
export function referenceKind({ definition }: MapSpec): "function" | "device" | null {
  if (definition.type === "prog_array") return "function";
  return definition.type === "devmap" || definition.type === "devmap_hash" ? "device" : null;
}

/** Reads `{ 0: { function: parse_tcp } }` or `{ 0: parse_tcp }`, and the same of devices. The node has passed the schema. */
export function mapReferences(spec: ObjectSpec, hook: HookKind, map: MapSpec, node: YamlNode): MapReferences {
  const kind = referenceKind(map) ?? "device";
  const problems: EntryProblem[] = [];
  const found = new Map<number, MapReference>();
  for (const entry of writtenEntries(node)) {
    const key = readKey(map, entry);
    const name = readName(kind, entry.value);
    const problem = keyProblem(map, entry, key) ?? nameProblem(kind, spec, hook, entry, name);
    if (problem !== null) problems.push(problem);
    else if (key !== null && name !== null) {
      if (found.has(key)) problems.push(about(entry, "duplicate-key", "This key stands here a second time"));
      found.set(key, { key, name, place: entry.keyPath });
    }
  }
  return { references: [...found.values()].sort((a, b) => a.key - b.key), problems };
}

/** A number from 0 on that the map has room for; null for anything else. */
function readKey({ definition }: MapSpec, { key }: WrittenEntry): number | null {
  const number = typeof key === "string" && /^\d+$/.test(key) ? Number(key) : key;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 0) return null;
  const most = definition.type === "devmap_hash" ? 2 ** 32 : definition.maxEntries;
  return number < most ? number : null;
}

function readName(kind: "function" | "device", value: unknown): string | null {
  if (typeof value === "string") return value;
  const members = typeof value === "object" && value !== null ? Object.entries(value) : [];
  const [only] = members;
  return members.length === 1 && only?.[0] === kind && typeof only[1] === "string" ? only[1] : null;
}

function keyProblem({ name, definition }: MapSpec, entry: WrittenEntry, key: number | null): EntryProblem | null {
  if (key !== null) return null;
  const last = definition.type === "devmap_hash" ? 2 ** 32 - 1 : definition.maxEntries - 1;
  return about(entry, "out-of-range", `Key "${String(entry.key)}" does not fit map "${name}": it has the keys 0 to ${last}`);
}

function nameProblem(
  kind: "function" | "device",
  spec: ObjectSpec,
  hook: HookKind,
  { valuePath }: WrittenEntry,
  name: string | null,
): EntryProblem | null {
  if (name === null) {
    const example = kind === "function" ? "{ function: parse_tcp }" : "{ device: eth1 }";
    return entryProblem(valuePath, "wrong-type", `The map holds ${kind}s: expected ${example}`);
  }
  if (kind === "device") {
    return /^[!-.0-9;-~]{1,15}$/.test(name) ? null : entryProblem(valuePath, "wrong-type", `"${name}" is no name of a network device`);
  }
  const names = spec.programs.filter((program) => suits(program, hook)).map((program) => program.name);
  if (names.includes(name)) return null;
  const message = `Unknown function "${name}": expected ${oneOf(names)}`;
  return { ...entryProblem(valuePath, "unknown-function", message), hint: didYouMean(name, names) };
}

function about({ keyPath, isKey }: WrittenEntry, code: string, message: string): EntryProblem {
  return { ...entryProblem(keyPath, code, message), aboutKey: isKey };
}
