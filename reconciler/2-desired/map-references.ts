// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import { holdsPrograms } from "../../bpf/object/map-types.ts";
import type { HeldIn, MapSpec, ObjectSpec, ProgramSpec } from "../../bpf/object/spec.ts";
import { suits } from "./choose-function.ts";
import { type EntryProblem, entryProblem, type WrittenEntry, writtenEntries } from "./map-entries.ts";
import { didYouMean, oneOf } from "./suggest.ts";
import type { YamlNode, YamlPath } from "./yaml-tree.ts";

/** What a map leads to by name, in the order of its keys. */
export interface MapReferences {
  readonly references: readonly MapReference[];
  readonly problems: readonly EntryProblem[];
}

export interface MapReference {
  readonly key: number;
  /** Of the object; null where only a device or a queue is named. */
  readonly function: string | null;
  readonly device: string | null;
  readonly qsize: number | null;
  /** Of the key, below the map. */
  readonly place: YamlPath;
}

/** What the entries of a map name. */
type ReferenceKind = "function" | "device" | "cpu";

/** What its entries name; null for a map of plain values, which a cpumap is as long as no function stands in it. */
export function referenceKind({ definition: { type, valueSize } }: MapSpec, node: YamlNode): ReferenceKind | null {
  if (type === "prog_array") return "function";
  if (type === "devmap" || type === "devmap_hash") return "device";
  const leads =
    type === "cpumap" && holdsPrograms(type, valueSize) && writtenEntries(node).some(({ value }) => "function" in membersOf(value));
  return leads ? "cpu" : null;
}

/**
 * Reads `{ 0: { function: parse_tcp } }` or `{ 0: parse_tcp }`, the same of devices, and `{ device: eth1, function: rewrite }` or
 * `{ qsize: 192, function: count }` where the map has room for a program. The node has passed the schema.
 */
export function mapReferences(spec: ObjectSpec, hook: HookKind, map: MapSpec, node: YamlNode): MapReferences {
  const kind = referenceKind(map, node) ?? "device";
  const problems: EntryProblem[] = [];
  const found = new Map<number, MapReference>();
  for (const entry of writtenEntries(node)) {
    const key = readKey(map, entry);
    const named = readReference(kind, entry.value);
    const problem = keyProblem(map, entry, key) ?? referenceProblem(kind, { spec, hook, map }, entry, named);
    if (problem !== null) problems.push(problem);
    else if (key !== null && named !== null) {
      if (found.has(key)) problems.push(about(entry, "duplicate-key", "This key stands here a second time"));
      found.set(key, { key, ...named, place: entry.keyPath });
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

type Named = Omit<MapReference, "key" | "place">;

const nothing: Named = { function: null, device: null, qsize: null };

/** How an entry may be written: its members in full, and what must be among them. */
const shapes = {
  function: { members: { function: "string" }, needed: "function" },
  device: { members: { device: "string", function: "string" }, needed: "device" },
  cpu: { members: { qsize: "number", function: "string" }, needed: "qsize" },
} as const satisfies Record<ReferenceKind, { readonly members: Partial<Record<keyof Named, string>>; readonly needed: keyof Named }>;

function readReference(kind: ReferenceKind, value: unknown): Named | null {
  const { members, needed } = shapes[kind];
  const written = isMapping(value) ? membersOf(value) : { [needed]: value };
  const types = new Map<string, string>(Object.entries(members));
  const isWellFormed = needed in written && Object.entries(written).every(([name, member]) => typeof member === types.get(name));
  return isWellFormed ? { ...nothing, ...written } : null;
}

function isMapping(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return isMapping(value) ? (value as Readonly<Record<string, unknown>>) : {};
}

function keyProblem({ name, definition }: MapSpec, entry: WrittenEntry, key: number | null): EntryProblem | null {
  if (key !== null) return null;
  const last = definition.type === "devmap_hash" ? 2 ** 32 - 1 : definition.maxEntries - 1;
  return about(entry, "out-of-range", `Key "${String(entry.key)}" does not fit map "${name}": it has the keys 0 to ${last}`);
}

interface Owner {
  readonly spec: ObjectSpec;
  readonly hook: HookKind;
  readonly map: MapSpec;
}

function referenceProblem(kind: ReferenceKind, owner: Owner, { valuePath }: WrittenEntry, named: Named | null): EntryProblem | null {
  if (named === null) {
    const examples = { function: "{ function: parse_tcp }", device: "{ device: eth1 }", cpu: "{ qsize: 192, function: count }" };
    const what = { function: "functions", device: "devices", cpu: "queues" }[kind];
    return entryProblem(valuePath, "wrong-type", `The map holds ${what}: expected ${examples[kind]}`);
  }
  if (named.device !== null && !/^[!-.0-9;-~]{1,15}$/.test(named.device)) {
    return entryProblem(valuePath, "wrong-type", `"${named.device}" is no name of a network device`);
  }
  if (named.qsize !== null && (!Number.isInteger(named.qsize) || named.qsize < 1 || named.qsize > mostQueued)) {
    return entryProblem(valuePath, "out-of-range", `qsize is ${named.qsize}: expected 1 to ${mostQueued} packets`);
  }
  return named.function === null ? null : functionProblem(owner, valuePath, named.function);
}

/** Packets that the queue of a CPU may hold (cpu_map_update_elem() in the kernel). */
const mostQueued = 16384;

function functionProblem({ spec, hook, map }: Owner, path: YamlPath, name: string): EntryProblem | null {
  const { type, valueSize } = map.definition;
  if (!holdsPrograms(type, valueSize)) {
    const message = `The values of "${map.name}" have no room for a program: expected struct bpf_devmap_val as its value`;
    return entryProblem(path, "unsuitable-map", message);
  }
  const fits = fittingPrograms(type, hook);
  const names = spec.programs.filter(fits).map((program) => program.name);
  if (names.includes(name)) return null;
  const found = spec.programs.find((program) => program.name === name);
  const expected = names.length === 0 ? "the object has none" : `expected ${oneOf(names)}`;
  if (found === undefined) {
    const message = `Unknown function "${name}": ${expected}`;
    return { ...entryProblem(path, "unknown-function", message), hint: didYouMean(name, names) };
  }
  return entryProblem(path, "unsuitable-function", `Function "${name}" (section "${found.section}") is not for a ${type}: ${expected}`);
}

function fittingPrograms(type: string, hook: HookKind): (program: ProgramSpec) => boolean {
  if (type === "prog_array") return (program) => suits(program, hook);
  const heldIn: HeldIn = type === "cpumap" ? "cpumap" : "devmap";
  return (program) => program.heldIn === heldIn;
}

function about({ keyPath, isKey }: WrittenEntry, code: string, message: string): EntryProblem {
  return { ...entryProblem(keyPath, code, message), aboutKey: isKey };
}
