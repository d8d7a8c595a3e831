// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { packageRoot } from "../../bpf/package-root.ts";
import { encodeQuestion, type Question, wholeLength, withoutLength } from "./messages.ts";

/** How the process that was asked ended. */
export type Parsed =
  | { readonly kind: "answered"; readonly bytes: Uint8Array }
  /** It came to harm by the policy. */
  | { readonly kind: "crashed"; readonly how: string }
  /** It could not begin: no fault of the policy. */
  | { readonly kind: "unavailable"; readonly why: string };

export interface Parser {
  /** Asks a process of its own, which may come to harm by the policy. Never throws. */
  parse(question: Question): Promise<Parsed>;
  /** Starts the process that the next question goes to, where one is to stand by and none does. */
  prepare(): void;
  /** Ends the process that stands by. */
  end(): void;
}

/** Exit code before it has confined itself. */
export const cannotStart = 3;

/** A policy of a million prefixes takes two seconds; a machine may be busy. */
const deadline = 90_000;
const heapMegabytes = 1_024;
/** As long as what the process may use itself. */
const longestAnswer = 2 ** 30;
const keptWords = 400;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * With `standsBy` the first process is started at once, and each further one when prepare() says so: starting takes longer than reading most
 * policies, and competes with whatever is done meanwhile.
 */
export function openParser({ standsBy }: { readonly standsBy: boolean }): Parser {
  let next: Child | null = null;
  let ended = false;
  const prepare = () => {
    if (!standsBy || ended || isThere(next)) return;
    // Nobody waits for it, and it ends by itself when we do.
    next = startParser();
    next.unref();
  };
  prepare();
  return {
    async parse(question) {
      const child = isThere(next) ? next : startParser();
      next = null;
      child.ref();
      return ask(child, question);
    },
    prepare,
    end() {
      ended = true;
      next?.kill("SIGKILL");
    },
  };
}

function isThere(child: Child | null): child is Child {
  return child?.pid !== undefined && !child.killed && child.exitCode === null && child.signalCode === null;
}

function startParser(): Child {
  const program = join(packageRoot(), "dist/command/parser/main.js");
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

function ask(child: Child, question: Question): Promise<Parsed> {
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
    const finish = (parsed: Parsed) => {
      clearTimeout(timer);
      resolve(parsed);
    };
    child.once("error", ({ message }) => finish({ kind: "unavailable", why: message }));
    child.once("close", (code, signal) => {
      if (code === cannotStart) finish({ kind: "unavailable", why: words.trim().slice(0, keptWords) });
      else finish({ kind: "crashed", how: describeEnd(code, signal, words) });
    });
    child.stdin.end(encodeQuestion(question));
  });
}

function describeEnd(code: number | null, signal: string | null, words: string): string {
  if (words.includes("heap out of memory")) return `out of memory: more than ${heapMegabytes} MiB`;
  const said = /^\w*Error: .*$/m.exec(words)?.[0].slice(0, keptWords);
  if (said !== undefined) return said;
  if (signal === "SIGKILL" || signal === "SIGXCPU") return "it took too long, or the machine had no memory for it";
  return signal === null ? `exit code ${code}` : signal;
}
