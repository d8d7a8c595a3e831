// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { lockFile } from "../../bpf/kernel/file-lock.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { unwritable } from "./write-file.ts";

/** Held by the one process that may write to the kernel and to the state directory. */
export interface StateLock {
  /** May be called again; the kernel does it for a process that dies. */
  release(): void;
}

/** Takes the lock or throws ReconcilerError "state-locked", which says who has it. Never waits. */
export async function lockState(directory: string): Promise<StateLock> {
  const path = join(directory, "lock");
  const lock = lockFile(path);
  if (lock === null) {
    throw new ReconcilerError("state-locked", `Cannot lock "${directory}": ${holderOf(path)} is at work`, {
      hint: "Wait for it to finish; while an agent runs, push to git instead, or stop the agent first",
    });
  }
  try {
    writeFileSync(path, `${process.pid} ${commandLine()}\n`);
  } catch (error) {
    lock.release();
    throw unwritable(path, error);
  }
  return lock;
}

function holderOf(path: string): string {
  const [, pid, command] = /^(\d+) (.*)\n$/.exec(readFileSync(path, "utf8")) ?? [];
  return pid === undefined ? "another process" : `process ${pid} (${command})`;
}

/** "sluice agent": the verb, but no arguments, which may hold what nobody else should read. */
function commandLine(): string {
  const verb = process.argv[2];
  const program = basename(process.argv[1] ?? "node");
  return verb !== undefined && /^[a-z]+$/.test(verb) ? `${program} ${verb}` : program;
}
