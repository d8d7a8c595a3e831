// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import type { ExecutionContext } from "ava";
import { main } from "../../reconciler/cli/run-sluice.ts";
import type { Station } from "../cli/station.ts";

/** A line of the agent's log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A `sluice agent` that runs. */
export interface RunningAgent {
  readonly child: ChildProcess;
  /** Every line so far. */
  readonly log: readonly LogLine[];
  /** The first line with this message behind those that were waited for before. Throws when the agent ends or is silent for long. */
  told(message: string | RegExp): Promise<LogLine>;
  /** SIGTERM; gives the exit code. */
  stop(): Promise<number | null>;
}

const patience = 20_000;

/** Starts an agent on a station, with JSON logs, below a command if given; it ends with the test. */
export function startAgent(t: ExecutionContext, { host }: Station, args: readonly string[], below: readonly string[] = []): RunningAgent {
  const [command = "", ...words] = [...below, process.execPath, main, "agent", ...args, ...host];
  // A process group of its own: a tracer that is killed alone would leave the agent behind.
  const child = spawn(command, words, { detached: true, stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env["PATH"] ?? "" } });
  const log: LogLine[] = [];
  const wakes = new Set<() => void>();
  let ended = false;
  let rest = "";
  let read = 0;
  const wake = () => {
    for (const one of [...wakes]) one();
  };
  child.stderr.on("data", (part: Buffer) => {
    const lines = `${rest}${part.toString()}`.split("\n");
    rest = lines.pop() ?? "";
    log.push(...lines.map(parseLine));
    wake();
  });
  const end = new Promise<number | null>((resolve) => {
    child.on("close", (exit) => {
      ended = true;
      wake();
      resolve(exit);
    });
  });
  t.teardown(async () => {
    if (!ended) process.kill(-(child.pid as number), "SIGKILL");
    await end;
  });

  const told = (message: string | RegExp): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const fail = (why: string) =>
        reject(new Error(`${why} before "${String(message)}":\n${log.map((line) => JSON.stringify(line)).join("\n")}`));
      const timer = setTimeout(() => finish(() => fail("The agent was silent")), patience);
      const finish = (how: () => void) => {
        clearTimeout(timer);
        wakes.delete(look);
        how();
      };
      const look = () => {
        const at = log.findIndex((line, index) => index >= read && isMessage(line, message));
        if (at >= 0) {
          read = at + 1;
          finish(() => resolve(log[at] as LogLine));
        } else if (ended) finish(() => fail("The agent ended"));
      };
      wakes.add(look);
      look();
    });
  return {
    child,
    log,
    told,
    stop() {
      // The group: strace blocks what would end it, and goes with the agent.
      process.kill(-(child.pid as number), "SIGTERM");
      return end;
    },
  };
}

function isMessage({ msg }: LogLine, message: string | RegExp): boolean {
  return typeof message === "string" ? msg === message : message.test(msg);
}

/** What is no JSON was not logged: the error of an agent that cannot start, say. */
function parseLine(text: string): LogLine {
  return text.startsWith("{") ? (JSON.parse(text) as LogLine) : { level: "none", msg: text };
}
