// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Nanoseconds on a processor so far, all threads together. */
export function processorTime(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]), 0);
}

/** Milliseconds that the first thread of a process has been ready and had no processor, because others had them. */
export function waitedForProcessor(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
}

/** What each process takes of one processor in so many seconds, in per cent. */
export async function processorShares(pids: readonly number[], seconds: number): Promise<readonly number[]> {
  const before = pids.map(processorTime);
  const start = performance.now();
  await sleep(seconds * 1000);
  const nanoseconds = (performance.now() - start) * 1e6;
  return pids.map((pid, index) => ((processorTime(pid) - (before[index] ?? 0)) / nanoseconds) * 100);
}

export function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}
