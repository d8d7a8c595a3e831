// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { join } from "node:path";
import { serialize } from "node:v8";
import { packageRoot } from "../../bpf/package-root.ts";
import type { Snapshot } from "../model/snapshot.ts";

/** What the process is asked, as v8 writes it. */
export interface Question {
  readonly snapshot: Snapshot;
  readonly host: string;
}

/** Resolves to null when reading came to an end, else to how the process that read ended. Throws when it could not be started. */
export type ParseApart = (question: Question) => Promise<string | null>;

/** A policy of a million prefixes takes two seconds; a machine may be busy. */
const deadline = 90_000;
const heapMegabytes = 1_024;
const keptWords = 400;

/** Reads a policy in a process of its own, which may come to harm by it. */
export const parseApart: ParseApart = (question) =>
  new Promise((resolve, reject) => {
    const program = join(packageRoot(), "dist/command/parser/main.js");
    const child = spawn(process.execPath, [`--max-old-space-size=${heapMegabytes}`, program], {
      cwd: "/",
      env: {},
      stdio: ["pipe", "ignore", "pipe"],
      timeout: deadline,
      killSignal: "SIGKILL",
    });
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(0, 16 * keptWords);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code === 0 ? null : describeEnd(code, signal, words)));
    // One that ends early does not read to the end.
    child.stdin.on("error", () => undefined);
    child.stdin.end(serialize(question));
  });

function describeEnd(code: number | null, signal: string | null, words: string): string {
  if (words.includes("heap out of memory")) return `out of memory: more than ${heapMegabytes} MiB`;
  const said = /^\w*Error: .*$/m.exec(words)?.[0].slice(0, keptWords);
  if (said !== undefined) return said;
  if (signal === "SIGKILL" || signal === "SIGXCPU") return "it took too long, or the machine had no memory for it";
  return signal === null ? `exit code ${code}` : signal;
}
