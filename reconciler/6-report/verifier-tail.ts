// SPDX-License-Identifier: Apache-2.0
import { KernelError } from "../../bpf/kernel/kernel-error.ts";

/** The end of a verifier's log, and how many lines stand before it. Texts are as they came: print them through `sanitise`. */
export interface VerifierTail {
  readonly lines: readonly string[];
  readonly omitted: number;
}

/** The last words of the verifier in an error or its causes; null when it did not speak. The statistics at a log's end are left out. */
export function verifierTail(error: unknown, count: number): VerifierTail | null {
  const log = causes(error).find(
    (cause): cause is KernelError & { log: string } => cause instanceof KernelError && cause.log !== null,
  )?.log;
  if (log === undefined) return null;
  const lines = log
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(?:processed \d+ insns|verification time|stack depth)/.test(line));
  return { lines: lines.slice(-count), omitted: Math.max(0, lines.length - count) };
}

/** An error and its causes, outermost first; at most twelve, since causes may go round. */
export function causes(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (let current = error; current !== undefined && current !== null && chain.length < 12; ) {
    chain.push(current);
    current = current instanceof Error ? current.cause : undefined;
  }
  return chain;
}
