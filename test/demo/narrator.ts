// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import picocolors from "picocolors";
import { type LogLine, printLogLine } from "./agent-log.ts";

/** Tells the story on stdout. */
export interface Narrator {
  /** A chapter: what is about to happen. On a terminal, leaves time to read it. */
  heading(text: string): Promise<void>;
  say(text: string): void;
  /** A command, as somebody would type it. */
  command(text: string): void;
  /** What a command printed. */
  output(text: string): void;
  log(line: LogLine): void;
}

export interface NarratorOptions {
  readonly color: boolean;
  /** Somebody is reading along. */
  readonly paced: boolean;
  /** Paths that are written as a variable, by its name. */
  readonly shorten: Readonly<Record<string, string>>;
}

/** Writes to `stdout`. */
export function createNarrator(stdout: NodeJS.WritableStream, options: NarratorOptions): Narrator {
  const { color, shorten } = options;
  const paint = picocolors.createColors(color);
  const print = (text: string) => void stdout.write(`${withVariables(text, shorten)}\n`);
  const indented = (text: string, by: string) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => `${by}${line}`.trimEnd())
      .join("\n");
  return {
    async heading(text) {
      print(`\n${paint.bold(text)}`);
      if (options.paced) await sleep(1_000);
    },
    say: (text) => print(indented(text, "  ")),
    command: (text) => print(indented(paint.cyan(`$ ${text}`), "    ")),
    output: (text) => print(indented(text, "    ")),
    log: (line) => print(indented(printLogLine(line, color), "    ")),
  };
}

function withVariables(text: string, shorten: Readonly<Record<string, string>>): string {
  return Object.entries(shorten).reduce((all, [variable, path]) => all.replaceAll(path, variable), text);
}
