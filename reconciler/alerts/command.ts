// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import type { AlertEvent } from "./alert.ts";
import { patience, type Receiver } from "./receiver.ts";
import { eventBody } from "./webhook.ts";

/** Runs a program of the local administrator for each event, without a shell, with the event as JSON on its standard input. */
export function command({ name, words }: { readonly name: string; readonly words: readonly string[] }): Receiver {
  return {
    name,
    repeat: null,
    async send({ host, events }) {
      let last: number | null = null;
      for (const event of events) {
        const failure = await run(words, host, event);
        if (failure !== null) return { kind: "later", last, message: failure, wait: null };
        last = event.id;
      }
      return { kind: "taken", last };
    },
  };
}

/** null when it ended with 0, or why it did not. It gets nothing of this process's environment but PATH. */
function run([program = "", ...args]: readonly string[], host: string, event: AlertEvent): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
      stdio: ["pipe", "ignore", "ignore"],
      timeout: patience,
      killSignal: "SIGKILL",
    });
    child.on("error", (error: NodeJS.ErrnoException) => resolve(`it cannot be run (${error.code ?? error.name})`));
    child.on("close", (status, signal) =>
      resolve(signal !== null ? `it was ended by ${signal}` : status === 0 ? null : `it ended with ${status}`),
    );
    // Whoever does not read it has ended with a status that says more.
    child.stdin.on("error", () => undefined);
    child.stdin.end(`${JSON.stringify(eventBody(host, event))}\n`);
  });
}
