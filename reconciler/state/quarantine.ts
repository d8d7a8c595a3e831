// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { isRecord, readRecord, writeRecord } from "./record-file.ts";

/** A policy that failed on this host: the agent does not try it again. */
export interface QuarantineEntry {
  /** Desired.digest: another commit that renders to the same is the same failure. */
  readonly desired: string;
  /** Revision.name. */
  readonly revision: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Why it was rolled back, in a sentence. */
  readonly reason: string;
}

interface QuarantineRecord {
  readonly entries: readonly QuarantineEntry[];
}

const mostEntries = 20;

/** Newest first. */
export async function readQuarantine(directory: string): Promise<readonly QuarantineEntry[]> {
  return (await readRecord<QuarantineRecord>(path(directory)))?.entries ?? [];
}

/** The newest twenty are kept: git has moved on since the others. */
export async function addToQuarantine(directory: string, entry: QuarantineEntry): Promise<void> {
  // A host is being brought back: an unreadable list, which is set aside, must not be in its way.
  const known = (await isRecord(path(directory))) === false ? [] : await readQuarantine(directory);
  const others = known.filter(({ desired }) => desired !== entry.desired);
  await writeRecord(path(directory), { entries: [entry, ...others].slice(0, mostEntries) } satisfies QuarantineRecord);
}

/** Forgets one policy, or all of them; writes nothing where there is nothing to forget. */
export async function clearQuarantine(directory: string, desired: string | null = null): Promise<void> {
  const entries = await readQuarantine(directory);
  const kept = desired === null ? [] : entries.filter((entry) => entry.desired !== desired);
  if (kept.length < entries.length) await writeRecord(path(directory), kept.length === 0 ? null : { entries: kept });
}

function path(directory: string): string {
  return join(directory, "quarantine.json");
}
