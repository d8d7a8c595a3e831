// SPDX-License-Identifier: Apache-2.0
import type { YamlEntry, YamlList, YamlMap, YamlNode, YamlScalar } from "./yaml-tree.ts";

/**
 * Reads the part of YAML that policies are written in: block maps and lists, flow collections, plain and quoted words on one line,
 * decimal integers, comments. Null for everything else and for everything wrong: then the full parser reads the text and says
 * what it means. What this one does read, it reads as the full parser would, about ten times faster, which a repository
 * with a thousand interfaces notices.
 */
export function readFastYaml(text: string): YamlNode | null {
  if (/[^\n\x20-\x7e]/.test(text)) return null;
  const reader: Reader = { text, at: 0 };
  const column = nextLine(reader);
  if (column === null) return null;
  const root = readBlock(reader, column, 0);
  return root !== null && reader.at === text.length ? root : null;
}

interface Reader {
  readonly text: string;
  at: number;
}

const newline = 0x0a;
const space = 0x20;
const doubleQuote = 0x22;
const hash = 0x23;
const singleQuote = 0x27;
const comma = 0x2c;
const dash = 0x2d;
const openList = 0x5b;
const closeList = 0x5d;
const openMap = 0x7b;
const closeMap = 0x7d;

/** Deeper documents are left to the full parser, which refuses them in words. */
const deepest = 30;
const mostEntries = 100;
/** YAML allows 1,024 characters. */
const longestKey = 1000;
const key = /(?:[A-Za-z0-9_./][A-Za-z0-9_./-]*|-[0-9]+|"[^"\\\n]*"|'[^'\n]*')(?=:(?: |\n|$))/y;
const flowWord = /(?:[A-Za-z0-9_./(^$~+]|-[0-9])(?:[^\n,[\]{}:#]|:(?=[^\n ,[\]{}]))*/y;
const integer = /^(?:0|-?[1-9][0-9]{0,14})$/;
const oddWord = /^(?:~|null|Null|NULL|True|TRUE|False|FALSE)$/;
const otherNumber =
  /^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** Moves to the first character of the next line that says something; gives its column, or null at the end of the text. */
function nextLine(reader: Reader): number | null {
  const { text } = reader;
  let at = reader.at;
  for (;;) {
    const start = at;
    while (text.charCodeAt(at) === space) at++;
    if (at >= text.length) {
      reader.at = text.length;
      return null;
    }
    const code = text.charCodeAt(at);
    if (code !== newline && code !== hash) {
      reader.at = at;
      return at - start;
    }
    const end = text.indexOf("\n", at);
    at = end === -1 ? text.length : end + 1;
  }
}

/** The block that begins here, at this column; afterwards the reader stands at the start of a line's text, or at the end. */
function readBlock(reader: Reader, column: number, depth: number): YamlNode | null {
  if (depth > deepest) return null;
  if (isDash(reader)) return readBlockList(reader, column, depth);
  return readBlockMap(reader, column, depth);
}

function readBlockMap(reader: Reader, column: number, depth: number): YamlMap | null {
  const start = reader.at;
  const entries: YamlEntry[] = [];
  for (;;) {
    const name = readKey(reader);
    if (name === null || isTaken(entries, name)) return null;
    reader.at++;
    const value = readEntryValue(reader, column, depth);
    if (value === null) return null;
    entries.push({ key: name, value });
    const next = columnHere(reader);
    if (next === null || next < column) return { kind: "map", entries, start, end: value.end };
    if (next > column) return null;
  }
}

function readBlockList(reader: Reader, column: number, depth: number): YamlList | null {
  const start = reader.at;
  const items: YamlNode[] = [];
  for (;;) {
    if (!isDash(reader)) return null;
    reader.at++;
    const item = readItem(reader, column, depth);
    if (item === null) return null;
    items.push(item);
    const next = columnHere(reader);
    if (next === null || next < column || (next === column && !isDash(reader))) {
      return { kind: "list", items, start, end: item.end };
    }
    if (next > column) return null;
  }
}

/** The column of the line's text where a value has just ended; null at the end of the text. */
function columnHere(reader: Reader): number | null {
  if (reader.at >= reader.text.length) return null;
  return reader.at - (reader.text.lastIndexOf("\n", reader.at - 1) + 1);
}

/** What follows "key:": on the same line, or as a block on the next ones. */
function readEntryValue(reader: Reader, column: number, depth: number): YamlNode | null {
  skipSpaces(reader);
  if (!atLineEnd(reader)) return readInline(reader, column);
  const next = nextLine(reader);
  if (next === null) return null;
  const isListBelow = next === column && isDash(reader);
  return next > column || isListBelow ? readBlock(reader, next, depth + 1) : null;
}

/** What follows "-". */
function readItem(reader: Reader, column: number, depth: number): YamlNode | null {
  skipSpaces(reader);
  if (atLineEnd(reader)) return null;
  const inner = columnHere(reader);
  key.lastIndex = reader.at;
  if (inner !== null && key.test(reader.text)) return readBlockMap(reader, inner, depth + 1);
  return readInline(reader, column);
}

/** A value that begins on this line; leaves the reader at the next line's text. */
function readInline(reader: Reader, column: number): YamlNode | null {
  const first = codeHere(reader);
  let node: YamlNode | null;
  if (first === openList || first === openMap) node = readFlow(reader, column, 0);
  else if (first === doubleQuote || first === singleQuote) node = readQuoted(reader);
  else node = readPlainLine(reader);
  if (node === null) return null;
  skipSpaces(reader);
  if (!atLineEnd(reader)) return null;
  const next = nextLine(reader);
  return next !== null && next > column ? null : node;
}

function readFlow(reader: Reader, column: number, depth: number): YamlNode | null {
  if (depth > deepest) return null;
  switch (codeHere(reader)) {
    case openList:
      return readFlowList(reader, column, depth);
    case openMap:
      return readFlowMap(reader, column, depth);
    case doubleQuote:
    case singleQuote:
      return readQuoted(reader);
    default:
      return readPlainWord(reader);
  }
}

function readFlowList(reader: Reader, column: number, depth: number): YamlList | null {
  const start = reader.at++;
  const items: YamlNode[] = [];
  if (!skipFlowSpace(reader, column)) return null;
  while (codeHere(reader) !== closeList) {
    const item = readFlow(reader, column, depth + 1);
    if (item === null || !endFlowItem(reader, column, closeList)) return null;
    items.push(item);
  }
  reader.at++;
  return { kind: "list", items, start, end: reader.at };
}

function readFlowMap(reader: Reader, column: number, depth: number): YamlMap | null {
  const start = reader.at++;
  const entries: YamlEntry[] = [];
  if (!skipFlowSpace(reader, column)) return null;
  while (codeHere(reader) !== closeMap) {
    const name = readKey(reader);
    if (name === null || isTaken(entries, name) || reader.text.charCodeAt(reader.at + 1) !== space) return null;
    reader.at++;
    skipSpaces(reader);
    const value = readFlow(reader, column, depth + 1);
    if (value === null || !endFlowItem(reader, column, closeMap)) return null;
    entries.push({ key: name, value });
  }
  reader.at++;
  return { kind: "map", entries, start, end: reader.at };
}

/** Passes the comma after an item; false unless another item or the closing bracket follows properly. */
function endFlowItem(reader: Reader, column: number, close: number): boolean {
  if (!skipFlowSpace(reader, column)) return false;
  if (codeHere(reader) === close) return true;
  if (codeHere(reader) !== comma) return false;
  reader.at++;
  return skipFlowSpace(reader, column) && codeHere(reader) !== close;
}

/** Spaces and line ends inside brackets; false where the next line is not indented deeper than the block. */
function skipFlowSpace(reader: Reader, column: number): boolean {
  skipSpaces(reader);
  if (codeHere(reader) !== newline) return true;
  const next = nextLine(reader);
  return next !== null && next > column;
}

/** Repeated keys are for the full parser, and so are maps so big that looking for them here would cost. */
function isTaken(entries: readonly YamlEntry[], name: YamlScalar): boolean {
  if (entries.length > mostEntries) return true;
  const text = String(name.value);
  for (const entry of entries) if (String(entry.key.value) === text) return true;
  return false;
}

function readKey(reader: Reader): YamlScalar | null {
  const start = reader.at;
  const first = codeHere(reader);
  key.lastIndex = start;
  if (!key.test(reader.text)) return null;
  const end = key.lastIndex;
  if (end - start > longestKey) return null;
  reader.at = end;
  if (first === doubleQuote || first === singleQuote) return { kind: "scalar", value: reader.text.slice(start + 1, end - 1), start, end };
  return plainScalar(reader.text.slice(start, end), start);
}

/** A quoted word on one line without escapes. */
function readQuoted(reader: Reader): YamlScalar | null {
  const start = reader.at;
  const end = reader.text.indexOf(reader.text[start] as string, start + 1);
  const value = reader.text.slice(start + 1, end);
  if (end === -1 || value.includes("\n") || value.includes("\\") || reader.text[end + 1] === "'") return null;
  reader.at = end + 1;
  return { kind: "scalar", value, start, end: end + 1 };
}

/** Unquoted text up to the end of the line or a comment. */
function readPlainLine(reader: Reader): YamlScalar | null {
  const start = reader.at;
  const lineEnd = reader.text.indexOf("\n", start);
  const line = reader.text.slice(start, lineEnd === -1 ? reader.text.length : lineEnd);
  const comment = line.indexOf(" #");
  const value = (comment === -1 ? line : line.slice(0, comment)).trimEnd();
  if (!/^(?:[A-Za-z0-9_./(^$~+]|-[0-9])/.test(value) || value.includes(": ") || value.endsWith(":")) return null;
  reader.at = start + value.length;
  return plainScalar(value, start);
}

/** Unquoted text inside brackets. */
function readPlainWord(reader: Reader): YamlScalar | null {
  const start = reader.at;
  flowWord.lastIndex = start;
  if (!flowWord.test(reader.text)) return null;
  const value = reader.text.slice(start, flowWord.lastIndex).trimEnd();
  reader.at = start + value.length;
  return plainScalar(value, start);
}

function plainScalar(text: string, start: number): YamlScalar | null {
  const end = start + text.length;
  // All that can be numbers begin with "+" to "9".
  const first = text.charCodeAt(0);
  if (first >= 0x2b && first <= 0x39) {
    if (integer.test(text)) return { kind: "scalar", value: Number(text), start, end };
    return otherNumber.test(text) ? null : { kind: "scalar", value: text, start, end };
  }
  if (text === "true" || text === "false") return { kind: "scalar", value: text === "true", start, end };
  return text.length <= 5 && oddWord.test(text) ? null : { kind: "scalar", value: text, start, end };
}

function skipSpaces(reader: Reader): void {
  while (codeHere(reader) === space) reader.at++;
}

/** Nothing but a comment follows; a "#" only begins one after a space. */
function atLineEnd(reader: Reader): boolean {
  if (reader.at >= reader.text.length) return true;
  const code = codeHere(reader);
  return code === newline || (code === hash && reader.text.charCodeAt(reader.at - 1) === space);
}

function codeHere(reader: Reader): number {
  return reader.text.charCodeAt(reader.at);
}

function isDash(reader: Reader): boolean {
  return codeHere(reader) === dash && reader.text.charCodeAt(reader.at + 1) === space;
}
