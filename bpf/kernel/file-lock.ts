// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { libc, lockExclusive, lockNonBlocking } from "../libbpf-ffi/libc.ts";
import { refusal } from "./refusal.ts";

/** A lock on a file, which the kernel releases when this process ends, however it ends. */
export interface FileLock {
  /** May be called again. */
  release(): void;
}

/** Locks a file, made when it is not there; null when another process holds the lock. Never waits. Throws what open(2) refuses. */
export function lockFile(path: string): FileLock | null {
  const fd = openToLock(path);
  const result = libc().flock(fd, lockExclusive | lockNonBlocking);
  if (result < 0) {
    closeSync(fd);
    if (result === -constants.errno.EAGAIN) return null;
    throw refusal(-result, { call: "flock", action: `Cannot lock "${path}"` });
  }
  return releasing(fd);
}

/** A lock needs no writing: who has to undo a change takes it on a file system that was mounted read-only for its errors, too. */
function openToLock(path: string): number {
  try {
    return openSync(path, "a+", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EROFS") throw error;
    return openSync(path, "r");
  }
}

function releasing(fd: number): FileLock {
  let held = true;
  return {
    release() {
      if (held) closeSync(fd);
      held = false;
    },
  };
}
