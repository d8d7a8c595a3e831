// SPDX-License-Identifier: Apache-2.0
import type { Terminal } from "./terminal.ts";

/** A line on stderr that tells what takes so long. */
export interface Progress {
  /** What is being done now: "Fetching", "Loading eth0/xdp". */
  step(text: string): void;
  /** Takes the line away until the next step; call it before printing a result, and always in the end. */
  done(): void;
}

/** How long something may take before it deserves a line. */
const patience = 1000;

const clearLine = "\r\x1b[2K";

/** A progress line that only shows on a terminal, and only for what takes longer than a second; one line, written over. */
export function openProgress(terminal: Terminal): Progress {
  if (!terminal.live) return { step: () => undefined, done: () => undefined };
  let started = 0;
  let current = "";
  let shown = false;
  let timer: NodeJS.Timeout | null = null;

  const show = (): void => {
    shown = true;
    const seconds = Math.round((Date.now() - started) / 1000);
    terminal.err(`${clearLine}${terminal.errorColors.dim(`${current} … ${seconds} s`)}`);
  };

  return {
    step(text) {
      current = text;
      if (shown) show();
      if (timer !== null) return;
      started = Date.now();
      timer = setInterval(show, patience).unref();
    },
    done() {
      if (timer !== null) clearInterval(timer);
      if (shown) terminal.err(clearLine);
      [timer, shown] = [null, false];
    },
  };
}
