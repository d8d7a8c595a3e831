// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { packageRoot } from "../../bpf/package-root.ts";
import { wholeLength, withoutLength } from "./frames.ts";

/** How the process that was asked ended. */
export type Answered =
  | { readonly kind: "answered"; readonly bytes: Uint8Array }
  /** It came to harm by what it was asked. */
  | { readonly kind: "crashed"; readonly how: string }
  /** It could not begin: no fault of what it was asked. */
  | { readonly kind: "unavailable"; readonly why: string };

/** It gives up what could do harm, answers one question and ends (serve-once.ts). */
export type ConfinedProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** Exit code before it has confined itself. */
export const cannotStart = 3;

/** A policy of a million prefixes takes two seconds; a machine may be busy. */
const deadline = 90_000;
const heapMegabytes = 1_024;
/** As long as what the process may use itself. */
const longestAnswer = 2 ** 30;
const keptWords = 400;

export function isThere(child: ConfinedProcess | null): child is ConfinedProcess {
  return child?.pid !== undefined && !child.killed && child.exitCode === null && child.signalCode === null;
}

export function startProcess(file: "main.js" | "relocate-main.js"): ConfinedProcess {
  const program = join(packageRoot(), "dist/command/parser", file);
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMegabytes}`, program], {
    cwd: "/",
    env: {},
    stdio: ["pipe", "pipe", "pipe"],
  });
  // One that ends early does not read to the end; how it ended says its exit code.
  child.stdin.on("error", () => undefined);
  child.on("error", () => undefined);
  return child;
}

/** Asks it the one question that it answers. Never throws. */
export function askProcess(child: ConfinedProcess, question: Uint8Array): Promise<Answered> {
  return new Promise((resolve) => {
    const answer: Uint8Array[] = [];
    let [length, words] = [0, ""];
    let expected: number | null = null;
    child.stdout.on("data", (part: Uint8Array) => {
      length += part.length;
      if (length <= longestAnswer) answer.push(part);
      expected ??= wholeLength(answer);
      if (length < (expected ?? Number.POSITIVE_INFINITY) && length <= longestAnswer) return;
      child.kill("SIGKILL");
      if (length === expected) finish({ kind: "answered", bytes: withoutLength(Buffer.concat(answer)) });
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(0, 16 * keptWords);
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), deadline);
    const finish = (end: Answered) => {
      clearTimeout(timer);
      resolve(end);
    };
    child.once("error", ({ message }) => finish({ kind: "unavailable", why: message }));
    child.once("close", (code, signal) => {
      if (code === cannotStart) finish({ kind: "unavailable", why: words.trim().slice(0, keptWords) });
      else finish({ kind: "crashed", how: describeEnd(code, signal, words) });
    });
    child.stdin.end(question);
  });
}

function describeEnd(code: number | null, signal: string | null, words: string): string {
  if (words.includes("heap out of memory")) return `out of memory: more than ${heapMegabytes} MiB`;
  const said = /^\w*Error: .*$/m.exec(words)?.[0].slice(0, keptWords);
  if (said !== undefined) return said;
  if (signal === "SIGKILL" || signal === "SIGXCPU") return "it took too long, or the machine had no memory for it";
  return signal === null ? `exit code ${code}` : signal;
}
