// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { isRecord, readRecord, writeRecord } from "./record-file.ts";

/** How reading a policy went. */
export interface ParseTries {
  /** Digest of what was read. */
  readonly content: string;
  /** How often it came to no end; 0 for one that was read. */
  readonly tries: number;
  /** How the last try ended; null while it runs, and when whoever waited for it is dead. */
  readonly ended: string | null;
}

interface TriesRecord {
  readonly entries: readonly ParseTries[];
}

const mostEntries = 20;

/** null for a policy that nobody has begun to read. */
export async function readParseTries(directory: string, content: string): Promise<ParseTries | null> {
  return (await readAll(directory)).find((entry) => entry.content === content) ?? null;
}

/** The newest twenty are kept: git has moved on since the others. */
export async function writeParseTries(directory: string, tries: ParseTries): Promise<void> {
  await write(directory, [tries, ...(await others(directory, tries.content))]);
}

/** As if nobody had begun to read it. */
export async function forgetParseTries(directory: string, content: string): Promise<void> {
  await write(directory, await others(directory, content));
}

async function others(directory: string, content: string): Promise<readonly ParseTries[]> {
  return (await readAll(directory)).filter((entry) => entry.content !== content);
}

async function write(directory: string, entries: readonly ParseTries[]): Promise<void> {
  await writeRecord(path(directory), { entries: entries.slice(0, mostEntries) } satisfies TriesRecord);
}

async function readAll(directory: string): Promise<readonly ParseTries[]> {
  // A torn one is as good as none: what breaks its reader is left alone after two more tries. Writing sets it aside.
  if ((await isRecord(path(directory))) === false) return [];
  return (await readRecord<TriesRecord>(path(directory)))?.entries ?? [];
}

function path(directory: string): string {
  return join(directory, "parsing.json");
}
