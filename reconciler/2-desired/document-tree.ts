// SPDX-License-Identifier: Apache-2.0
import type { Node, Pair } from "yaml";
import type { Complaint } from "./source-file.ts";
import { yamlPackage } from "./yaml-package.ts";
import type { YamlEntry, YamlNode, YamlScalar } from "./yaml-tree.ts";

/** The tree of a parsed document; null when the complaints say why there is none. */
export interface DocumentTree {
  readonly root: YamlNode | null;
  readonly complaints: readonly Complaint[];
}

/** An alias stands for all it names, so few lines can mean billions of values. */
const mostValues = 200_000;

/** Turns the parser's nodes into ours. Aliases become the very node they name; with them followed, nothing is deeper than `deepest`. */
export function documentTree(contents: Node, deepest: number): DocumentTree {
  const builder: Builder = { anchors: new Map(), extents: new Map(), deepest, complaints: [] };
  const root = readNode(builder, contents);
  return { root: builder.complaints.length === 0 ? root : null, complaints: builder.complaints };
}

interface Builder {
  readonly anchors: Map<string, YamlNode>;
  readonly extents: Map<YamlNode, Extent>;
  readonly deepest: number;
  readonly complaints: Complaint[];
}

/** What a node stands for with its aliases followed. */
interface Extent {
  readonly values: number;
  readonly levels: number;
}

function readNode(builder: Builder, node: Node | null): YamlNode {
  const { isAlias, isCollection, isScalar } = yamlPackage();
  const [start, end] = rangeOf(node);
  if (isAlias(node)) {
    const named = builder.anchors.get(node.source);
    return named ?? refuse(builder, "yaml-syntax", `Nothing before this place is named "&${node.source}"`, start, end);
  }
  const read = readContent(builder, node);
  const { values, levels } = measure(builder, read);
  if (values > mostValues) {
    return refuse(builder, "too-big", `With its aliases followed, this stands for more than ${mostValues} values`, start, end);
  }
  if (levels > builder.deepest) {
    return refuse(builder, "too-deep", `With its aliases followed, this is nested deeper than ${builder.deepest} levels`, start, end);
  }
  const anchor: string | undefined = (isCollection(node) || isScalar(node)) && node.anchor ? node.anchor : undefined;
  if (anchor !== undefined) builder.anchors.set(anchor, read);
  return read;
}

function readContent(builder: Builder, node: Node | null): YamlNode {
  const { isMap, isScalar, isSeq } = yamlPackage();
  const [start, end] = rangeOf(node);
  if (isMap(node)) {
    const entries = node.items.map((pair) => readPair(builder, pair as Pair<Node, Node | null>));
    refuseRepeatedKeys(builder, entries);
    return { kind: "map", entries, start, end };
  }
  if (isSeq(node)) return { kind: "list", items: node.items.map((item) => readNode(builder, item as Node)), start, end };
  return { kind: "scalar", value: isScalar(node) ? scalarValue(node.value) : null, start, end };
}

function readPair(builder: Builder, pair: Pair<Node, Node | null>): YamlEntry {
  const [start, end] = rangeOf(pair.key);
  const key = readNode(builder, pair.key);
  const value = readNode(builder, pair.value);
  if (key.kind !== "scalar") {
    return { key: refuse(builder, "wrong-type", "A key must be a word or a number, not a list or a mapping", start, end), value };
  }
  if (key.value === "<<") return { key: refuse(builder, "not-supported", mergeMessage, start, end), value };
  return { key: { ...key, start, end }, value };
}

const mergeMessage = "Merge keys are not supported: write the keys out, or use an alias for the whole value";

/** The parser's own check compares every key with every other, which a hostile file turns into minutes. */
function refuseRepeatedKeys(builder: Builder, entries: readonly YamlEntry[]): void {
  const seen = new Set<string>();
  for (const { key } of entries) {
    const name = String(key.value);
    if (seen.has(name)) refuse(builder, "duplicate-key", `Key "${name}" is given twice`, key.start, key.end);
    seen.add(name);
  }
}

/** An integer as a number where that is exact. */
function scalarValue(value: unknown): YamlScalar["value"] {
  if (typeof value !== "bigint") return value as YamlScalar["value"];
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** What is below was measured before, so this looks one level down. */
function measure(builder: Builder, node: YamlNode): Extent {
  const known = builder.extents.get(node);
  if (known !== undefined) return known;
  const children = node.kind === "list" ? node.items : node.kind === "map" ? node.entries.map((entry) => entry.value) : [];
  let [values, levels] = [1, 0];
  for (const child of children) {
    const inner = measure(builder, child);
    values += inner.values;
    levels = Math.max(levels, inner.levels);
  }
  const extent = { values, levels: levels + 1 };
  builder.extents.set(node, extent);
  return extent;
}

function rangeOf(node: Node | null): readonly [number, number] {
  const range = node?.range;
  return range ? [range[0], range[1]] : [0, 1];
}

function refuse(builder: Builder, code: string, message: string, start: number, end: number): YamlScalar {
  builder.complaints.push({ code, message, start, end });
  return { kind: "scalar", value: null, start, end };
}
