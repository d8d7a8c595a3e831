// SPDX-License-Identifier: Apache-2.0
import type { LogLine } from "../acceptance/agent.ts";
import { until } from "../confirm/watchdogs.ts";

/** The whole lines of a log; what is no JSON has level "none". */
export function parseLog(text: string): readonly LogLine[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => (line.startsWith("{") ? (JSON.parse(line) as LogLine) : { level: "none", msg: line }));
}

/** Waits for the first line with a message, behind those that were waited for before. Throws when it does not come. */
export function tellFrom(log: () => readonly LogLine[]): (message: string) => Promise<LogLine> {
  let read = 0;
  return async (message) => {
    let lines = log();
    const at = () => lines.findIndex((line, index) => index >= read && line.msg === message);
    await until(`the agent has said "${message}"`, () => {
      lines = log();
      return at() >= 0;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}:\n${lines.map((line) => JSON.stringify(line)).join("\n")}`);
    });
    read = at() + 1;
    return lines[read - 1] as LogLine;
  };
}
