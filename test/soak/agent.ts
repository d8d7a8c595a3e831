// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentStatus } from "../../reconciler/agent/agent-status.ts";
import { askAgent } from "../../reconciler/cli/agent-client.ts";
import { main } from "../reconciler/cli/run-sluice.ts";

/** A real `sluice agent` that can be killed and started again. */
export interface Agent {
  start(): void;
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** null while it does not answer. */
  status(): Promise<AgentStatus | null>;
  /** Waits until its status is as wished. Throws after a minute, with what it was. */
  until(what: string, wished: (status: AgentStatus) => boolean): Promise<AgentStatus>;
  /** Megabytes in memory, and open fds. */
  use(): { readonly memory: number; readonly fds: number };
}

const patience = 60_000;

/** Its log goes to a file. */
export function createAgent(state: string, words: readonly string[], log: string): Agent {
  const output = createWriteStream(log, { flags: "a" });
  let child: ChildProcess | null = null;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    child = null;
  };
  const status = async (): Promise<AgentStatus | null> => {
    const answer = await askAgent(state);
    return answer.kind === "alive" ? answer.status : null;
  };
  return {
    start() {
      child = spawn(process.execPath, [main, "agent", "--log-format", "json", "--state", state, ...words], {
        env: { PATH: process.env["PATH"] ?? "" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      child.stderr?.pipe(output, { end: false });
    },
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    status,
    async until(what, wished) {
      const deadline = Date.now() + patience;
      let last: AgentStatus | null = null;
      while (Date.now() < deadline) {
        if (child !== null && child.exitCode !== null) throw new Error(`The agent has ended with ${child.exitCode}; see ${log}`);
        last = await status();
        if (last !== null && wished(last)) return last;
        await sleep(10);
      }
      throw new Error(`Waited a minute for the agent to ${what}; it says ${JSON.stringify(last)}`);
    },
    use() {
      const folder = `/proc/${child?.pid ?? 0}`;
      const kilobytes = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`${folder}/status`, "utf8"))?.[1];
      return { memory: Number(kilobytes) / 1024, fds: readdirSync(`${folder}/fd`).length };
    },
  };
}
