// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { whyNotClassic } from "./check-classic.ts";
import { checkExpression, type ExpressionFault } from "./check-expression.ts";
import { decodeClassic } from "./classic.ts";
import { type Libpcap, LibpcapMissing, libpcap } from "./libpcap.ts";
import { isSyntaxError, locateSyntaxError } from "./locate-refusal.ts";
import { tokenise } from "./tokens.ts";

/** An expression as libpcap compiled it. */
export interface CompiledMatch {
  readonly kind: "match";
  readonly expression: string;
  /** Version of the libpcap that did it: "1.10.3". */
  readonly libpcap: string;
  /** Classic BPF: struct bpf_insn after struct bpf_insn. */
  readonly code: Uint8Array;
  /** sha256 of `code`, hex. */
  readonly digest: string;
}

/** What policies need to use expressions; a function of its own for each, so that a phase without I/O can be handed them. */
export interface Expressions {
  /** Never throws: where libpcap is missing, that is what is wrong with every expression. */
  compile(expression: string): CompiledMatch | ExpressionFault;
  /** Whether compiled code takes a frame. */
  takes(code: Uint8Array, frame: Uint8Array): boolean;
}

/** So many texts are remembered: a thousand interfaces say the same. */
const mostRemembered = 4096;
const remembered = new Map<string, CompiledMatch | ExpressionFault>();

/** Expressions by the libpcap of this machine, which is opened when the first one is met. */
export const expressions: Expressions = {
  compile(expression) {
    const known = remembered.get(expression);
    if (known !== undefined) return known;
    if (remembered.size >= mostRemembered) remembered.clear();
    const compiled = compileOrFault(expression);
    remembered.set(expression, compiled);
    return compiled;
  },
  takes: (code, frame) => libpcap().takes(code, frame),
};

function compileOrFault(expression: string): CompiledMatch | ExpressionFault {
  try {
    return compileMatch(expression);
  } catch (error) {
    if (!(error instanceof LibpcapMissing)) throw error;
    return { kind: "fault", message: error.message, hint: null, start: 0, end: expression.length };
  }
}

/** libpcap takes up to ten seconds to optimise so many instructions, and minutes for twice as many. */
const largest = 20_000;

/** What libpcap takes grows faster than the expression, already before it optimises; therefore it is first estimated. */
function isTooLarge(expression: string, library: Libpcap): boolean {
  if (estimateInstructions(expression) > 2 * largest) return true;
  const plain = library.compile(expression, false);
  return plain.kind === "compiled" && plain.bytes.length / 8 > largest;
}

/** Instructions that libpcap makes of a number or an address, by the word that says what it is. */
const weights: Readonly<Record<string, number>> = { port: 64, portrange: 94 };

function estimateInstructions(expression: string): number {
  let [weight, sum] = [30, 0];
  for (const { kind, text } of tokenise(expression)) {
    if (kind === "number" || kind === "address") sum += weight;
    else if (kind === "word" && text !== "or" && text !== "and" && text !== "not") weight = weights[text] ?? 30;
  }
  return sum;
}

/**
 * Compiles an expression of pcap-filter(7) for Ethernet frames. Needs no interface and no privilege, and asks nobody: the same text and
 * libpcap give the same code on every host. Throws LibpcapMissing.
 */
export function compileMatch(expression: string): CompiledMatch | ExpressionFault {
  const fault = checkExpression(expression);
  if (fault !== null) return fault;
  const whole = { start: 0, end: expression.length };
  if (expression.trim() === "") return { kind: "fault", message: "The expression is empty", hint: null, ...whole };
  const library = libpcap();
  if (isTooLarge(expression, library)) {
    const message = "The expression is too large: libpcap would take minutes to compile it";
    return { kind: "fault", message, hint: 'use several steps, or the filter "acl" for sets of addresses and ports', ...whole };
  }
  const compiled = library.compile(expression, true);
  if (compiled.kind === "refused") {
    const place = isSyntaxError(compiled.message) ? locateSyntaxError(expression, library) : null;
    return { kind: "fault", message: `libpcap refuses the expression: ${compiled.message}`, hint: null, ...(place ?? whole) };
  }
  const reason = whyNotClassic(decodeClassic(compiled.bytes));
  if (reason !== null) return { kind: "fault", message: `The expression cannot be translated: ${reason}`, hint: null, ...whole };
  const digest = createHash("sha256").update(compiled.bytes).digest("hex");
  return { kind: "match", expression, libpcap: library.version, code: compiled.bytes, digest };
}
