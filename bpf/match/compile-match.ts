// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { whyNotClassic } from "./check-classic.ts";
import { checkExpression, type ExpressionFault } from "./check-expression.ts";
import { decodeClassic } from "./classic.ts";
import { LibpcapMissing, libpcap } from "./libpcap.ts";
import { isSyntaxError, locateSyntaxError } from "./locate-refusal.ts";

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
  const compiled = library.compile(expression);
  if (compiled.kind === "refused") {
    const place = isSyntaxError(compiled.message) ? locateSyntaxError(expression, library) : null;
    return { kind: "fault", message: `libpcap refuses the expression: ${compiled.message}`, hint: null, ...(place ?? whole) };
  }
  const reason = whyNotClassic(decodeClassic(compiled.bytes));
  if (reason !== null) return { kind: "fault", message: `The expression cannot be translated: ${reason}`, hint: null, ...whole };
  const digest = createHash("sha256").update(compiled.bytes).digest("hex");
  return { kind: "match", expression, libpcap: library.version, code: compiled.bytes, digest };
}
