// SPDX-License-Identifier: Apache-2.0

/** A YAML document as a tree that knows where everything stands. Offsets count UTF-16 units of the file; `end` is exclusive. */
export type YamlNode = YamlScalar | YamlMap | YamlList;

export interface YamlScalar {
  readonly kind: "scalar";
  /** Integers that a number cannot hold exactly are bigints, so that a u64 is exact. */
  readonly value: string | number | bigint | boolean | null;
  readonly start: number;
  readonly end: number;
}

export interface YamlMap {
  readonly kind: "map";
  readonly entries: readonly YamlEntry[];
  readonly start: number;
  readonly end: number;
}

export interface YamlEntry {
  readonly key: YamlScalar;
  readonly value: YamlNode;
}

export interface YamlList {
  readonly kind: "list";
  readonly items: readonly YamlNode[];
  readonly start: number;
  readonly end: number;
}

/** Where something stands in a document: keys of maps, indexes of lists. */
export type YamlPath = readonly (string | number)[];

/** The tree as plain JavaScript values; map keys become strings. */
export function plainValue(node: YamlNode): unknown {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(plainValue);
    case "map":
      return plainMap(node);
  }
}

function plainMap(node: YamlMap): object {
  const plain: Record<string, unknown> = {};
  for (const { key, value } of node.entries) {
    // An assignment to this name would set the prototype.
    if (key.value === "__proto__") Object.defineProperty(plain, key.value, { value: plainValue(value), enumerable: true });
    else plain[String(key.value)] = plainValue(value);
  }
  return plain;
}

/** The entry of a map with this key; undefined when there is none, or the node is no map. */
export function entryOf(node: YamlNode, key: string): YamlEntry | undefined {
  return node.kind === "map" ? node.entries.find((entry) => String(entry.key.value) === key) : undefined;
}

/** The node at a path, or the deepest one on the way that exists. */
export function nodeAt(root: YamlNode, path: YamlPath): YamlNode {
  let node = root;
  for (const part of path) {
    const next = childOf(node, part);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

/** A stretch of the file. */
export interface YamlSpan {
  readonly start: number;
  readonly end: number;
}

/** Where to point for the value at a path: a scalar itself; for a list or a map the key before it, or its first character. */
export function placeAt(root: YamlNode, path: YamlPath): YamlSpan {
  const node = nodeAt(root, path);
  if (node.kind === "scalar") return { start: node.start, end: node.end };
  const last = path.at(-1);
  const parent = nodeAt(root, path.slice(0, -1));
  const entry = last === undefined ? undefined : entryOf(parent, String(last));
  return { start: entry?.key.start ?? node.start, end: entry?.key.end ?? node.start + 1 };
}

function childOf(node: YamlNode, part: string | number): YamlNode | undefined {
  if (node.kind === "list") return node.items[Number(part)];
  return entryOf(node, String(part))?.value;
}
