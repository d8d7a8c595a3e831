// SPDX-License-Identifier: Apache-2.0
import { Interrupted } from "./cli-error.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/**
 * at-once: reading, so the process ends half a second later whatever it does. safely: an apply, which has to get to a safe end
 * first; a second Ctrl-C ends it anyway, and the journal tells the next start. own: the verb sees to signals itself.
 */
export type InterruptMode = "at-once" | "safely" | "own";

export interface Interrupts {
  /** Raised, with an Interrupted as reason, by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  close(): void;
}

const grace = 500;
const interrupted = "Interrupted: getting to a safe end first; Ctrl-C again ends at once, and the next apply undoes what was begun\n";

/** Watches for Ctrl-C until closed. `tidy` clears what stands on the terminal before the process ends. */
export function watchInterrupts(mode: InterruptMode, terminal: Terminal, tidy: () => void): Interrupts {
  const controller = new AbortController();
  if (mode === "own") return { signal: controller.signal, close: () => undefined };

  const quit = (): never => {
    tidy();
    process.exit(exitCodes.interrupted);
  };
  const interrupt = (): void => {
    if (controller.signal.aborted) quit();
    controller.abort(new Interrupted());
    tidy();
    if (mode === "safely") terminal.err(interrupted);
    else setTimeout(quit, grace).unref();
  };

  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return {
    signal: controller.signal,
    close() {
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
    },
  };
}
