// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lockFile } from "../../bpf/kernel/file-lock.ts";
import { lockHolderProcess, type StateLock } from "../state/lock.ts";

/**
 * Takes the lock of the state directory, whoever has it: one who does not give it back within `patience` milliseconds is killed. The
 * kernel releases the lock when the last system call of that process has ended, so nobody changes anything behind our back, not even
 * one that was stopped in the middle of an apply and is continued later.
 */
export async function seizeLock(directory: string, name: "lock" | "watchdog.lock", patience: number): Promise<StateLock> {
  const path = join(directory, name);
  for (let waited = 0; ; waited += step) {
    const lock = lockFile(path);
    if (lock !== null) return lock;
    if (waited >= patience) killHolder(path);
    await sleep(step);
  }
}

const step = 20;

/** True while a process watches over an unconfirmed change; taking and giving back its lock writes nothing. */
export function isWatched(directory: string): boolean {
  const path = join(directory, "watchdog.lock");
  if (!existsSync(path)) return false;
  const lock = lockFile(path);
  lock?.release();
  return lock === null;
}

function killHolder(path: string): void {
  const holder = lockHolderProcess(path);
  if (holder === null || holder === process.pid) return;
  try {
    process.kill(holder, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
