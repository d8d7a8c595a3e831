// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";

export type Colors = ReturnType<typeof picocolors.createColors>;

/** Where a verb prints: results on stdout, everything about the way there on stderr. */
export interface Terminal {
  /** Whether results are coloured. */
  readonly color: boolean;
  readonly colors: Colors;
  readonly errorColors: Colors;
  /** Columns of stdout; null when it is no terminal: then nothing is cut. */
  readonly width: number | null;
  /** Somebody can answer a question: stdin and stderr are terminals. */
  readonly interactive: boolean;
  /** stderr is a terminal: a line there may be written over. */
  readonly live: boolean;
  out(text: string): void;
  err(text: string): void;
}

/** What openTerminal needs of the process. */
export interface TerminalProcess {
  readonly stdin: { readonly isTTY?: boolean };
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/**
 * The terminal of a process. A reader that goes away (`| head`) ends the printing, never the work: an apply runs to its end.
 * Colours follow `--no-color`, NO_COLOR, FORCE_COLOR and TERM=dumb, in that order.
 */
export function openTerminal(process: TerminalProcess, wantsColor: boolean): Terminal {
  const { stdin, stdout, stderr, env } = process;
  const write = { out: writer(stdout), err: writer(stderr) };
  const color = isColored(stdout, env, wantsColor);
  return {
    color,
    colors: picocolors.createColors(color),
    errorColors: picocolors.createColors(isColored(stderr, env, wantsColor)),
    width: stdout.isTTY === true && stdout.columns !== undefined && stdout.columns > 0 ? stdout.columns : null,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    live: stderr.isTTY === true && env["TERM"] !== "dumb",
    out: write.out,
    err: write.err,
  };
}

function isColored(stream: TerminalStream, env: TerminalProcess["env"], wantsColor: boolean): boolean {
  if (!wantsColor || isSet(env["NO_COLOR"])) return false;
  if (isSet(env["FORCE_COLOR"])) return env["FORCE_COLOR"] !== "0" && env["FORCE_COLOR"] !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

/** An empty variable counts as not set (no-color.org). */
function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}

function writer(stream: TerminalStream): (text: string) => void {
  let gone = false;
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
    gone = true;
  });
  return (text) => {
    if (!gone) stream.write(text);
  };
}
