// SPDX-License-Identifier: Apache-2.0
import type { Libpcap } from "./libpcap.ts";
import { type Token, tokenise } from "./tokens.ts";

/** What may follow a good beginning to make it whole: one of each thing that an expression can lack at its end. */
const endings = [
  "",
  " 1",
  " ip",
  " 192.0.2.1",
  " ::1",
  " 1 = 1",
  " = 1",
  " 0] = 1",
  "] = 1",
  ":1] = 1",
  " host 192.0.2.1",
  " 02:00:00:00:00:01",
];
/** More pieces than people look through; longer ones are not taken apart. */
const mostTokens = 400;

/**
 * The first piece of an expression that libpcap cannot go on from: it only says "syntax error". A beginning is good when something can
 * be put behind it that makes it an expression. null when that cannot be told.
 */
export function locateSyntaxError(expression: string, libpcap: Libpcap): Pick<Token, "start" | "end"> | null {
  const tokens = tokenise(expression);
  if (tokens.length === 0 || tokens.length > mostTokens) return null;
  // A longer beginning of a bad one is bad, so halving finds the first.
  let [good, bad] = [0, tokens.length];
  if (isGood(expression, tokens, libpcap)) return { start: expression.trimEnd().length, end: expression.trimEnd().length + 1 };
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isGood(expression, tokens.slice(0, middle), libpcap)) good = middle;
    else bad = middle;
  }
  const { start, end } = tokens[bad - 1] as Token;
  return { start, end };
}

function isGood(expression: string, tokens: readonly Token[], libpcap: Libpcap): boolean {
  const beginning = expression.slice(0, tokens.at(-1)?.end ?? 0);
  const open = tokens.reduce((depth, { text }) => depth + (text === "(" ? 1 : text === ")" ? -1 : 0), 0);
  const closing = " )".repeat(Math.max(0, open));
  return endings.some((ending) => {
    const compiled = libpcap.compile(`${beginning}${ending}${closing}`, false);
    return compiled.kind === "compiled" || !isSyntaxError(compiled.message);
  });
}

/** libpcap's message when it cannot parse an expression. */
export function isSyntaxError(message: string): boolean {
  return message.includes("syntax error");
}
