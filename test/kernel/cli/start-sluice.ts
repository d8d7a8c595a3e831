// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { main } from "../../reconciler/cli/run-sluice.ts";

/** A command that goes on until it is told to end. */
export interface Started {
  readonly stdout: () => Buffer;
  readonly stderr: () => string;
  /** Waits until it has written so much, and fails when it does not. */
  until(condition: (out: Buffer, err: string) => boolean): Promise<void>;
  end(signal: NodeJS.Signals): void;
  readonly exit: Promise<number | null>;
}

export function startSluice(args: readonly string[]): Started {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => out.push(part));
  child.stderr.on("data", (part: Buffer) => err.push(part));
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  const stdout = () => Buffer.concat(out);
  const stderr = () => Buffer.concat(err).toString();
  return {
    stdout,
    stderr,
    async until(condition) {
      for (let tries = 0; !condition(stdout(), stderr()); tries++) {
        if (tries > 1000) throw new Error(`It wrote only: ${stdout().toString()} ${stderr()}`);
        await wait(10);
      }
    },
    end: (signal) => void child.kill(signal),
    exit,
  };
}

/** For `until`: it has begun to listen to taps. */
export const listens = (_: Buffer, err: string): boolean => err.includes("Listening to");
