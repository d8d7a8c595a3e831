// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";

/** What a server may make git, and the programs that git starts, do to this host while it answers. */
export interface GitBounds {
  /** Bytes of memory of their own, together. */
  readonly memory: number;
  /** Bytes that git may write, on its output and its errors. */
  readonly text: number;
}

/** Of a fetch of 512 MiB git needs a third of this. What it writes is names of references, and what the server wants to be shown. */
export const gitBounds: GitBounds = { memory: 2 ** 30, text: 2 ** 24 };

const lookEvery = 250;

/** Looks from time to time how much memory these processes and their descendants have; gives what ends that. */
export function watchMemory(children: ReadonlySet<ChildProcess>, bytes: number, tooMuch: () => void): () => void {
  const look = async () => {
    const sizes = await Promise.all([...children].flatMap(({ pid }) => (pid === undefined ? [] : [memoryBelow(pid)])));
    if (sizes.reduce((sum, size) => sum + size, 0) > bytes) tooMuch();
  };
  const timer = setInterval(() => void look(), lookEvery);
  return () => clearInterval(timer);
}

/** 0 for a process that has ended. */
async function memoryBelow(pid: number): Promise<number> {
  const [status, children] = await Promise.all([text(`/proc/${pid}/status`), text(`/proc/${pid}/task/${pid}/children`)]);
  const own = Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  const below = await Promise.all(children.split(" ").flatMap((word) => (/^\d+$/.test(word) ? [memoryBelow(Number(word))] : [])));
  return below.reduce((sum, size) => sum + size, own);
}

async function text(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
