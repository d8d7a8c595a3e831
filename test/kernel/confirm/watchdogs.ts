// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { lockHolderProcess } from "../../../reconciler/state/lock.ts";

/** The process that watches over a state directory; null when none does. */
export function watchdogOf(state: string): number | null {
  const path = join(state, "watchdog.lock");
  return existsSync(path) ? lockHolderProcess(path) : null;
}

/** One that a failed test leaves behind ends with the test. */
export function endWatchdog(t: ExecutionContext, state: string): void {
  t.teardown(() => {
    const watchdog = watchdogOf(state);
    if (watchdog !== null && watchdog !== process.pid) process.kill(watchdog, "SIGKILL");
  });
}

/** Waits until something is so. Throws after twenty seconds. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await isSo()); waited += 50) {
    if (waited > 20_000) throw new Error(`It is still not so that ${what}`);
    await sleep(50);
  }
}
