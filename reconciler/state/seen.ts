// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { readRecord, writeRecord } from "./record-file.ts";

/** The newest commit that was taken from a branch or tag of a repository, applied or not. */
export interface SeenCommit {
  /** Its address, without secrets. */
  readonly repository: string;
  /** "branch main". */
  readonly ref: string;
  /** Revision.name. */
  readonly name: string;
  readonly commit: string;
  /** Revision.rewound. */
  readonly rewound?: string;
}

interface SeenRecord {
  readonly entries: readonly SeenCommit[];
}

const mostEntries = 20;

/** null when nothing was taken from there yet. */
export async function readSeen(directory: string, { repository, ref }: Pick<SeenCommit, "repository" | "ref">): Promise<SeenCommit | null> {
  return (await readEntries(directory)).find((entry) => entry.repository === repository && entry.ref === ref) ?? null;
}

/** Remembers twenty branches and tags, those that were asked last. Writes nothing when it already says so. */
export async function writeSeen(directory: string, seen: SeenCommit): Promise<void> {
  const others = (await readEntries(directory)).filter(({ repository, ref }) => repository !== seen.repository || ref !== seen.ref);
  await writeRecord(path(directory), { entries: [seen, ...others].slice(0, mostEntries) } satisfies SeenRecord);
}

/** Somebody has decided by hand what is to be gone on from. */
export function clearSeen(directory: string): Promise<void> {
  return writeRecord(path(directory), null);
}

async function readEntries(directory: string): Promise<readonly SeenCommit[]> {
  return (await readRecord<SeenRecord>(path(directory)))?.entries ?? [];
}

function path(directory: string): string {
  return join(directory, "seen.json");
}
