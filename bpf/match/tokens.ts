// SPDX-License-Identifier: Apache-2.0

/** A piece of an expression; offsets count UTF-16 units, `end` is exclusive. */
export interface Token {
  readonly kind: "number" | "address" | "word" | "escaped" | "sign";
  /** Without the backslash of an escaped one. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const number = /^(?:0x[0-9a-f]+|\d+)$/i;
/** "80-90"; whole or shortened IPv4 addresses; Ethernet addresses with "-" or "."; all of them are one word to libpcap. */
const written = /^(?:\d+-\d+|\d+(?:\.\d+){1,3}|[0-9a-f]{1,2}(?:[-.][0-9a-f]{1,2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}|[0-9a-f]{12})$/i;

/** Where a piece begins decides which it can be; the longest of them is taken, as libpcap does. */
const pieces = [
  // With two colons or more it is an address of IPv6 or Ethernet; "[2:1]" has one.
  /[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\.\d+){0,3}/iy,
  /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y,
  /\\[^ !()\n\t]+/y,
  /\$[0-9a-f]{1,2}/iy,
  /&&|\|\||<<|>>|[<>!=]=|[^\s]/y,
] as const;

/** The pieces of an expression. Never fails: what libpcap does not know it refuses itself. */
export function tokenise(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < expression.length; ) {
    const text = longestPiece(expression, at);
    if (text !== "") tokens.push(token(text, at));
    at += Math.max(1, text.length);
  }
  return tokens;
}

function longestPiece(expression: string, at: number): string {
  let longest = "";
  for (const piece of pieces) {
    piece.lastIndex = at;
    const found = piece.exec(expression)?.[0] ?? "";
    if (found.length > longest.length) longest = found;
  }
  return longest;
}

function token(text: string, start: number): Token {
  const end = start + text.length;
  if (text.startsWith("\\")) return { kind: "escaped", text: text.slice(1), start, end };
  if (number.test(text)) return { kind: "number", text, start, end };
  if (written.test(text) || text.split(":").length > 2) return { kind: "address", text, start, end };
  return { kind: /^[A-Za-z0-9]/.test(text) ? "word" : "sign", text, start, end };
}
