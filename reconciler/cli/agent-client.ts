// SPDX-License-Identifier: Apache-2.0
import { request } from "node:http";
import { join } from "node:path";
import type { AgentStatus } from "../agent/agent-status.ts";

/** What the agent says of itself, or why it says nothing. */
export type AgentAnswer = AgentAlive | AgentSilent | AgentAbsent;

export interface AgentAlive {
  readonly kind: "alive";
  readonly status: AgentStatus;
}

/** A socket is there and does not answer, or not what an agent answers. */
export interface AgentSilent {
  readonly kind: "silent";
  readonly reason: string;
}

export interface AgentAbsent {
  readonly kind: "absent";
}

const timeout = 2000;

/** Asks the agent of a state directory how it is. Never throws, never waits longer than two seconds. */
export async function askAgent(state: string): Promise<AgentAnswer> {
  try {
    const answer: unknown = JSON.parse(await get(join(state, "agent.sock"), "/status"));
    if (!isStatus(answer)) return { kind: "silent", reason: "its answer is no status" };
    return { kind: "alive", status: answer };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A socket that nobody listens at is what an agent that was killed leaves behind.
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") return { kind: "absent" };
    return { kind: "silent", reason: message };
  }
}

function isStatus(answer: unknown): answer is AgentStatus {
  return typeof answer === "object" && answer !== null && "kind" in answer && answer.kind === "agent-status";
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(parts).toString("utf8"));
        else reject(new Error(`it answered with HTTP status ${response.statusCode ?? 0}`));
      });
    });
    call.on("timeout", () => call.destroy(new Error(`it did not answer within ${timeout / 1000} s`)));
    call.on("error", reject);
    call.end();
  });
}
