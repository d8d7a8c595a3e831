// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentStatus } from "../../reconciler/agent/agent-status.ts";
import { askAgent } from "../../reconciler/cli/agent-client.ts";
import { main } from "../reconciler/cli/run-sluice.ts";

/** A real `sluice agent` that can be killed and started again. */
export interface Agent {
  /** `more` words behind those that it always gets. */
  start(...more: readonly string[]): void;
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** 0 while there is none. */
  pid(): number;
  /** Waits until its status is as wished. Throws after a minute, with what it was. */
  until(what: string, wished: (status: AgentStatus) => boolean): Promise<AgentStatus>;
}

const patience = 60_000;
/** What it logs when a pass is over tells sooner. */
const askEvery = 100;
const outcome = /"trigger":|"reason":/;

/** Its log goes to a file. */
export function createAgent(state: string, words: readonly string[], log: string): Agent {
  const output = createWriteStream(log, { flags: "a" });
  let child: ChildProcess | null = null;
  let wake = (): void => undefined;
  const news = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    child = null;
  };
  return {
    start(...more) {
      child = spawn(process.execPath, [main, "agent", "--log-format", "json", "--state", state, ...words, ...more], {
        env: { PATH: process.env["PATH"] ?? "" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      child.stderr?.pipe(output, { end: false });
      child.stderr?.on("data", (text: Buffer) => {
        if (outcome.test(text.toString())) wake();
      });
    },
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    pid: () => child?.pid ?? 0,
    async until(what, wished) {
      const deadline = Date.now() + patience;
      let last: AgentStatus | null = null;
      while (Date.now() < deadline) {
        if (child !== null && child.exitCode !== null) throw new Error(`The agent has ended with ${child.exitCode}; see ${log}`);
        const told = news();
        const answer = await askAgent(state);
        last = answer.kind === "alive" ? answer.status : null;
        if (last !== null && wished(last)) return last;
        await Promise.race([told, sleep(askEvery)]);
      }
      throw new Error(`Waited a minute for the agent to ${what}; it says ${JSON.stringify(last)}`);
    },
  };
}
