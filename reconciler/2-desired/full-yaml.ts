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
    uniqueKeys: false,
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
    refuseRepeatedKeys(builder, entries);
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
  // What is missing at the end is missed where the text ends, not on an empty line after it.
  const start = Math.min(problem.pos[0], text.trimEnd().length - 1);
  const end = Math.max(problem.pos[1], start + 1);
  switch (problem.code) {
    case "TAB_AS_INDENT":
      return { code: "yaml-syntax", message: "A tab cannot indent a line of YAML", hint: "use spaces", start, end };
    case "MULTIPLE_DOCS":
      return { code: "not-supported", message: "The file holds a second document: expected one policy per file", start, end: start + 3 };
    case "TAG_RESOLVE_FAILED":
      return { code: "not-supported", message: "YAML tags are not supported", start, end };
    case "BLOCK_AS_IMPLICIT_KEY":
      return { code: "yaml-syntax", message: "A key with a value on its line cannot have indented lines below it", start, end };
    case "BAD_INDENT":
    case "MISSING_CHAR":
      return { code: "yaml-syntax", message: missingCharacter(problem.message), start, end };
    default:
      return { code: "yaml-syntax", message: `Cannot read this as YAML: ${lowerFirst(problem.message)}`, start, end };
  }
}

function missingCharacter(message: string): string {
  const bracket = /^Flow (?:sequence|map) .*end with an? (.)$/.exec(message)?.[1];
  if (bracket !== undefined) return `A list or mapping in brackets is not closed before this line: expected "${bracket}"`;
  return message.endsWith("quote") ? "A quoted text is not closed" : `Cannot read this as YAML: ${lowerFirst(message)}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
