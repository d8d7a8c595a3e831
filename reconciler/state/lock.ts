// SPDX-License-Identifier: Apache-2.0
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { lockFile } from "../../bpf/kernel/file-lock.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { unwritable } from "./write-file.ts";

/** Held by the one process that may do a thing; taking and giving it back writes nothing. */
export interface StateLock {
  /** May be called again; the kernel does it for a process that dies. */
  release(): void;
}

/**
 * Takes a lock of the state directory or throws ReconcilerError "state-locked", which says who has it. Never waits. Throws
 * "state-unwritable" where the file of the lock cannot be made.
 * "lock": one writer to kernel and state. "agent.lock": one agent.
 */
export async function lockState(directory: string, name: "lock" | "agent.lock" = "lock"): Promise<StateLock> {
  const path = join(directory, name);
  const lock = openLock(path);
  if (lock !== null) return lock;
  throw new ReconcilerError("state-locked", `Cannot lock "${directory}": ${lockHolder(path) ?? "another process"} is at work`, {
    hint: name === "lock" ? "Try again when it has finished" : "One agent is enough; stop that one first",
  });
}

const tryEvery = 50;

/** The lock of the writer for who can wait a moment, as long as most passes take. Throws as lockState does when that is over. */
export async function lockStateSoon(directory: string, patience = 5_000): Promise<StateLock> {
  for (let waited = 0; ; waited += tryEvery) {
    try {
      return await lockState(directory);
    } catch (error) {
      const isLocked = error instanceof ReconcilerError && error.code === "state-locked";
      if (!isLocked || waited >= patience) throw error;
      await new Promise((resolve) => setTimeout(resolve, tryEvery));
    }
  }
}

function openLock(path: string): StateLock | null {
  try {
    return lockFile(path);
  } catch (error) {
    // Whoever needs the lock takes it first.
    const { code, message, hint } = unwritable(path, error);
    throw new ReconcilerError(code, message, { cause: error, hint: `${hint}; nothing was changed in the kernel` });
  }
}

/** The process that holds the flock of a file: "process 812 (sluice apply)"; null when the kernel does not tell. */
export function lockHolder(path: string): string | null {
  const holder = lockHolderProcess(path);
  return holder === null ? null : `process ${holder} (${commandOf(String(holder))})`;
}

/** Its number; null when nobody holds the lock, or when the kernel does not tell. */
export function lockHolderProcess(path: string): number | null {
  const inode = String(statSync(path).ino);
  for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
    // "1: FLOCK  ADVISORY  WRITE 812 00:1f:5021 0 EOF"; the device numbers of overlay file systems are not those of stat.
    const [, kind, , , pid = "", file = ""] = line.split(/\s+/);
    if (kind === "FLOCK" && file.split(":")[2] === inode && Number(pid) > 0) return Number(pid);
  }
  return null;
}

/** Program and verb; no arguments, which may hold what nobody else should read. */
function commandOf(pid: string): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const names = words.filter((word) => /^[\w./-]+$/.test(word) && !word.startsWith("-")).map((word) => word.split("/").at(-1) ?? word);
    const script = names.findIndex((word) => word !== "node");
    return names.slice(Math.max(script, 0), script + 2).join(" ");
  } catch {
    return "gone by now";
  }
}
