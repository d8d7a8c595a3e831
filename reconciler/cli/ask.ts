// SPDX-License-Identifier: Apache-2.0
import { createInterface } from "node:readline";
import { UsageError } from "./cli-error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Asks on stderr and reads a line from stdin: only "y" and "yes" are a yes. Throws UsageError when nobody can answer, and the
 * signal's reason when it is raised.
 */
export async function ask(terminal: Terminal, question: string, signal: AbortSignal): Promise<boolean> {
  if (!terminal.interactive) {
    throw new UsageError(`Cannot ask "${question}": this is no terminal`, "Give --yes to answer yes beforehand");
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      // readline takes Ctrl-C for itself; the process has to see it.
      lines.on("SIGINT", () => process.emit("SIGINT"));
      lines.on("close", () => resolve(false));
      lines.question(`${question} [y/N] `, (answer) => resolve(/^y(es)?$/i.test(answer.trim())));
    });
  } finally {
    lines.close();
  }
}
