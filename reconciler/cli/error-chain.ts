// SPDX-License-Identifier: Apache-2.0
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import type { SourceExcerpt } from "../../bpf/kernel/source-excerpt.ts";
import { sanitise } from "../6-report/sanitise.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { UsageError } from "./cli-error.ts";

/** One error of a chain of causes, outermost first. Texts are as they came: print them through `sanitise`. */
export interface ErrorLink {
  /** The code of the catalogue, "usage" for a wrong command line, the errno for the kernel's errors, "unexpected" for the rest. */
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** The verifier's log; null when there is none. */
  readonly log: string | null;
  /** The source around what the verifier refused; null when nothing tells. */
  readonly source: SourceExcerpt | null;
  readonly stack: string | null;
}

/** An error and its causes, outermost first, those of several errors one after the other. Ends after twelve, and where causes go round. */
export function errorChain(error: unknown): readonly ErrorLink[] {
  const seen = new Set<unknown>();
  const waiting = [error];
  while (waiting.length > 0 && seen.size < longest) {
    const current = waiting.shift();
    if (current === undefined || current === null || seen.has(current)) continue;
    seen.add(current);
    if (current instanceof Error)
      waiting.unshift(...(current instanceof AggregateError ? (current.errors as unknown[]) : []), current.cause);
  }
  return [...seen].map(errorLink);
}

const longest = 12;

/** The same for machines. */
export function errorChainJson(error: unknown): readonly object[] {
  return errorChain(error).map(({ code, message, hint, log, source }) => ({ code, message, hint, log, source }));
}

/** The last lines of a verifier's log that say something: the statistics that end every log say nothing about the error. */
export function logTail(log: string, lines: number): { readonly tail: readonly string[]; readonly omitted: number } {
  const all = log.split("\n").filter((line) => line.trim() !== "");
  const telling = all.filter((line) => !/^(?:processed \d+ insns|verification time|stack depth|insns processed)/.test(line));
  const tail = telling.slice(-lines).map((line) => sanitise(line));
  return { tail, omitted: all.length - tail.length };
}

function errorLink(error: unknown): ErrorLink {
  if (!(error instanceof Error)) return { code: "unexpected", message: String(error), hint: null, log: null, source: null, stack: null };
  const link = { message: error.message, hint: null, log: null, source: null, stack: error.stack ?? null };
  if (error instanceof ReconcilerError) return { ...link, code: error.code, hint: error.hint };
  if (error instanceof UsageError) return { ...link, code: "usage", hint: error.hint };
  if (error instanceof KernelError) return { ...link, code: error.errno, log: error.log, source: error.refusal?.source ?? null };
  return { ...link, code: "code" in error && typeof error.code === "string" ? error.code : "unexpected" };
}
