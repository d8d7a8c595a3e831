// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** How one command line ended. */
export interface Run {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Runs as this user. */
  readonly uid?: number;
  /** Runs below this command: ["strace", "-f"]. */
  readonly below?: readonly string[];
}

/** The entry point that was built beside this test. */
export const main = fileURLToPath(new URL("../../../command/cli/main.js", import.meta.url));

/** Runs `sluice` as a user would, without a terminal, and without what this process has in its environment. */
export function runSluice(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { cwd, env = {}, uid, below = [] } = options;
  const [command = "", ...words] = [...below, process.execPath, main, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      // Node would hand its own NODE_V8_COVERAGE on, to a user that may not write there.
      env: { PATH: process.env["PATH"] ?? "", ...(uid === undefined ? {} : { NODE_V8_COVERAGE: "" }), ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 60_000,
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => out.push(part));
    child.stderr.on("data", (part: Buffer) => err.push(part));
    child.on("error", reject);
    child.on("close", (exit) => resolve({ exit, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
  });
}
