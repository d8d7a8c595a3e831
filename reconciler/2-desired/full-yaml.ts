// SPDX-License-Identifier: Apache-2.0
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, parseDocument, type YAMLError } from "yaml";
import type { Complaint } from "./source-file.ts";
import type { YamlEntry, YamlNode, YamlScalar } from "./yaml-tree.ts";

/** All of YAML 1.2, with what is wrong in it. Without a root the complaints say why. */
export interface FullYaml {
  readonly root: YamlNode | null;
  readonly complaints: readonly Complaint[];
}

/** An alias stands for all it names, so few lines can mean billions of values. */
const mostValues = 200_000;
const deepest = 60;
const mostSyntaxErrors = 10;

/** Reads any YAML text. Anchors and aliases are followed; tags, directives, second documents and odd keys are refused. */
export function readFullYaml(text: string): FullYaml {
  const document = parseDocument(text, {
    version: "1.2",
    intAsBigInt: true,
    prettyErrors: false,
    logLevel: "error",
    uniqueKeys: true,
  });
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) return { root: null, complaints: syntaxComplaints(problems, text) };
  if (document.directives?.yaml.explicit) return refused("not-supported", "A policy has no %YAML directive", 0, text.indexOf("\n"));
  if (document.contents === null) return refused("empty-file", "The file says nothing: expected a policy", 0, 1);
  return readTree(document);
}

function readTree(document: Document.Parsed): FullYaml {
  const builder: Builder = { anchors: new Map(), sizes: new Map(), complaints: [] };
  const root = readNode(builder, document.contents as Node, 0);
  return { root: builder.complaints.length === 0 ? root : null, complaints: builder.complaints };
}

interface Builder {
  readonly anchors: Map<string, YamlNode>;
  /** Values a node stands for, aliases followed. */
  readonly sizes: Map<YamlNode, number>;
  readonly complaints: Complaint[];
}

function readNode(builder: Builder, node: Node | null, depth: number): YamlNode {
  const [start, end] = extent(node);
  if (depth > deepest) return refuse(builder, "too-deep", `Lists and maps are nested deeper than ${deepest} levels`, start, end);
  if (isAlias(node)) {
    const named = builder.anchors.get(node.source);
    return named ?? refuse(builder, "yaml-syntax", `Nothing before this place is named "&${node.source}"`, start, end);
  }
  const read = readContent(builder, node, depth);
  if (sizeOf(builder, read) > mostValues) {
    return refuse(builder, "too-big", `With its aliases followed, this stands for more than ${mostValues} values`, start, end);
  }
  if (node !== null && "anchor" in node && node.anchor !== undefined) builder.anchors.set(node.anchor, read);
  return read;
}

function readContent(builder: Builder, node: Node | null, depth: number): YamlNode {
  const [start, end] = extent(node);
  if (isMap(node)) {
    const entries = node.items.map((pair) => readPair(builder, pair as Pair<Node, Node | null>, depth));
    return { kind: "map", entries, start, end };
  }
  if (isSeq(node)) return { kind: "list", items: node.items.map((item) => readNode(builder, item as Node, depth + 1)), start, end };
  return { kind: "scalar", value: isScalar(node) ? scalarValue(node.value) : null, start, end };
}

function readPair(builder: Builder, pair: Pair<Node, Node | null>, depth: number): YamlEntry {
  const [start, end] = extent(pair.key);
  const key = readNode(builder, pair.key, depth + 1);
  const value = readNode(builder, pair.value, depth + 1);
  if (key.kind !== "scalar") {
    return { key: refuse(builder, "wrong-type", "A key must be a word or a number, not a list or a map", start, end), value };
  }
  const name = String(key.value);
  if (name === "__proto__") return { key: refuse(builder, "unknown-key", `Key "__proto__" is not allowed`, start, end), value };
  if (name === "<<") {
    return {
      key: refuse(
        builder,
        "not-supported",
        "Merge keys are not supported: write the keys out, or use an alias for the whole value",
        start,
        end,
      ),
      value,
    };
  }
  return { key: { ...key, start, end }, value };
}

/** An integer as a number where that is exact. */
function scalarValue(value: unknown): YamlScalar["value"] {
  if (typeof value !== "bigint") return value as YamlScalar["value"];
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function sizeOf(builder: Builder, node: YamlNode): number {
  const known = builder.sizes.get(node);
  if (known !== undefined) return known;
  let size = 1;
  if (node.kind === "list") for (const item of node.items) size += sizeOf(builder, item);
  if (node.kind === "map") for (const entry of node.entries) size += 1 + sizeOf(builder, entry.value);
  builder.sizes.set(node, size);
  return size;
}

function extent(node: Node | null): readonly [number, number] {
  const range = node?.range;
  return range ? [range[0], range[1]] : [0, 1];
}

function refuse(builder: Builder, code: string, message: string, start: number, end: number): YamlScalar {
  builder.complaints.push({ code, message, start, end });
  return { kind: "scalar", value: null, start, end };
}

function refused(code: string, message: string, start: number, end: number): FullYaml {
  return { root: null, complaints: [{ code, message, start, end: Math.max(end, start + 1) }] };
}

/** One complaint per line: a slip makes the parser stumble several times. */
function syntaxComplaints(problems: readonly YAMLError[], text: string): readonly Complaint[] {
  const complaints: Complaint[] = [];
  let lastLine: number | null = null;
  for (const problem of [...problems].sort((a, b) => a.pos[0] - b.pos[0])) {
    const line = text.lastIndexOf("\n", problem.pos[0] - 1);
    if (line === lastLine) continue;
    lastLine = line;
    complaints.push(syntaxComplaint(problem, text));
  }
  return complaints.slice(0, mostSyntaxErrors);
}

function syntaxComplaint(problem: YAMLError, text: string): Complaint {
  const [start, end] = problem.pos;
  switch (problem.code) {
    case "DUPLICATE_KEY": {
      const word = /^(?:"[^"\n]*"|'[^'\n]*'|[^\s:]+)/.exec(text.slice(start, start + 200))?.[0] ?? "";
      return { code: "duplicate-key", message: `Key ${quoted(word)} is given twice`, start, end: start + Math.max(1, word.length) };
    }
    case "TAB_AS_INDENT":
      return { code: "yaml-syntax", message: "A tab cannot indent a line of YAML", hint: "use spaces", start, end };
    case "MULTIPLE_DOCS":
      return { code: "not-supported", message: "The file holds a second document: expected one policy per file", start, end: start + 3 };
    case "TAG_RESOLVE_FAILED":
      return { code: "not-supported", message: "YAML tags are not supported", start, end };
    default:
      return { code: "yaml-syntax", message: `Cannot read this as YAML: ${lowerFirst(problem.message)}`, start, end };
  }
}

function quoted(word: string): string {
  return /^["']/.test(word) ? word.replaceAll("'", '"') : `"${word}"`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
