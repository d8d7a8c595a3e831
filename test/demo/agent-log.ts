// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import { prettyFactory } from "pino-pretty";

/** A line of the agent's log; `msg` is constant, the fields vary. */
export interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface AgentLog {
  readonly lines: readonly LogLine[];
  /** Waits for the first line at or after `from` that matches. Throws when it does not come in time, or when the agent has ended. */
  waitFor(from: number, matches: (line: LogLine) => boolean, what: string): Promise<LogLine>;
}

export interface WritableAgentLog extends AgentLog {
  /** Takes what the agent writes, in pieces of any size. */
  write(text: string): void;
  /** No more lines will come. */
  end(reason: string): void;
}

const patience = 30_000;

/** A log of JSON lines. */
export function createAgentLog(): WritableAgentLog {
  const lines: LogLine[] = [];
  let rest = "";
  let ended: string | null = null;
  return {
    lines,
    write(text) {
      const parts = `${rest}${text}`.split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.filter((part) => part !== "").map(parseLine));
    },
    end(reason) {
      ended = reason;
    },
    async waitFor(from, matches, what) {
      const end = performance.now() + patience;
      for (;;) {
        const found = lines.slice(from).find(matches);
        if (found !== undefined) return found;
        if (ended === null && performance.now() < end) {
          await sleep(5);
          continue;
        }
        const last = lines.slice(-5).map((line) => `\n  ${printLogLine(line, false)}`);
        throw new Error(`${ended ?? `The agent has not said within ${patience / 1000} s`}: ${what}. Its last lines:${last.join("")}`);
      }
    },
  };
}

/** A line as the agent itself prints it with `--log-format pretty`, on one line and without what the reader has just been told. */
export function printLogLine(line: LogLine, color: boolean): string {
  const format = prettyFactory({ colorize: color, singleLine: true, translateTime: "SYS:HH:MM:ss.l", ignore });
  return format(line).trimEnd();
}

const ignore = "pid,host,version,state,source,revision,author,trigger,pending,leftovers,notes,hooks,mode,phase,number,of";

/** What is no JSON was not logged: an uncaught error, say. */
function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { msg: text, level: "error" };
  }
}
