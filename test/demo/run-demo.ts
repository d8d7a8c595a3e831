// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface DemoRun {
  readonly exit: number | null;
  readonly lines: readonly string[];
}

/** Runs the demo as `npm run demo` does, or with `words`, within a minute and a half; what it prints, line by line. */
export function runDemo(...words: readonly string[]): Promise<DemoRun> {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "pipe", "pipe"], timeout: 90_000 });
    let output = "";
    child.stdout.on("data", (part: Buffer) => (output += part.toString()));
    child.stderr.on("data", (part: Buffer) => (output += part.toString()));
    child.on("error", reject);
    child.on("close", (exit) => resolve({ exit, lines: output.split("\n") }));
  });
}

/** The promises that its table names, with "yes" or "NO". */
export function promisesOf({ lines }: DemoRun): readonly string[] {
  const table = lines.slice(lines.findIndex((line) => line.startsWith("What was measured")) + 2);
  return table.flatMap((line) => /^ {4}(.*?) {2,}.*(yes|NO)$/.exec(line)?.slice(1).join(": ") ?? []);
}

/** What is promised of every world. */
export const promises: readonly string[] = [
  "Push of a new chain → first packet dropped",
  "Edge policy at work: unwanted packets that arrived",
  "Edge policy at work: the customer's packets lost",
  "Push of one address → its first packet dropped",
  "Kernel operations for that address",
  "Switches of the chain under load",
  "Reorder under load: unwanted packets that arrived",
  "Reorder under load: the customer's packets lost",
  "Drift found before anybody tampered",
  "From a deleted key to the first packet dropped again",
  "… listed packets that arrived meanwhile",
  "From a detached chain to the first packet dropped again",
  "… listed packets that arrived meanwhile",
  "After healing: unwanted packets that arrived",
  "After healing: the customer's packets lost",
  "The error of a broken commit has place, snippet, suggestion",
  "Program that runs after a broken commit",
  "Broken commit: unwanted packets that arrived",
  "Broken commit: the customer's packets lost",
  "Program after the revert",
  "Kernel operations for the revert",
  "Without the agent: unwanted packets that arrived",
  "Without the agent: the customer's packets lost",
];
