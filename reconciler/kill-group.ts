// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from "node:child_process";

/** Kills a child that was started with `detached`, and what it has started itself. */
export function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // It has just ended.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
