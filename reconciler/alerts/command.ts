// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { killGroup } from "../kill-group.ts";
import { patience, type Receiver } from "./receiver.ts";
import { eventBody } from "./webhook.ts";

export interface CommandOptions {
  readonly name: string;
  readonly words: readonly string[];
  /** How many milliseconds it may take. */
  readonly milliseconds?: number;
}

/**
 * Runs a program of the local administrator for each event, without a shell, with the event as JSON on its standard input. One that takes
 * too long is killed, with what it has started.
 */
export function command({ name, words, milliseconds = patience }: CommandOptions): Receiver {
  return {
    name,
    repeat: null,
    async send({ host, events }) {
      let last: number | null = null;
      for (const event of events) {
        const failure = await run(words, milliseconds, eventBody(host, event));
        if (failure !== null) return { kind: "later", last, message: failure, wait: null };
        last = event.id;
      }
      return { kind: "taken", last };
    },
  };
}

/** null when it ended with 0, or why it did not. It gets nothing of this process's environment but PATH. */
function run([program = "", ...args]: readonly string[], milliseconds: number, body: object): Promise<string | null> {
  return new Promise((resolve) => {
    // A group of its own: what a script has started would outlive it, one for each try.
    const child = spawn(program, args, {
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    const timer = setTimeout(() => killGroup(child), milliseconds);
    const finish = (failure: string | null) => {
      clearTimeout(timer);
      resolve(failure);
    };
    child.on("error", (error: NodeJS.ErrnoException) => finish(`it cannot be run (${error.code ?? error.name})`));
    child.on("close", (status, signal) =>
      finish(signal !== null ? `it was ended by ${signal}` : status === 0 ? null : `it ended with ${status}`),
    );
    // Whoever does not read it has ended with a status that says more.
    child.stdin.on("error", () => undefined);
    child.stdin.end(`${JSON.stringify(body)}\n`);
  });
}
