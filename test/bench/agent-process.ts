// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { main } from "../reconciler/cli/run-sluice.ts";

/** A real `sluice agent` in this process's namespaces. */
export interface AgentProcess {
  readonly pid: number;
  /** Waits for the next line of its log with this message, among those that nobody has waited for yet. Throws when it ends before. */
  logged(message: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an agent with these words behind `sluice agent`. */
export function startAgent(words: readonly string[]): AgentProcess {
  const child = spawn(process.execPath, [main, "agent", "--log-format", "json", ...words], {
    // As the unit and the container start it.
    env: { PATH: process.env["PATH"] ?? "", NODE_OPTIONS: "--max-semi-space-size=4" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: string[] = [];
  let wake = (): void => undefined;
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    wake();
  });
  const ended = once(child, "exit").then(() => wake());
  return {
    pid: child.pid ?? -1,
    async logged(message) {
      const seen: string[] = [];
      for (;;) {
        for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
          if (messageOf(line) === message) return;
          seen.push(line);
        }
        if (child.exitCode !== null) throw new Error(`The agent ended without saying "${message}":\n${seen.join("\n")}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function messageOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { msg?: unknown }).msg;
  } catch {
    return null;
  }
}
