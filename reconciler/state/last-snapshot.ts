// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Revision, Snapshot } from "../model/snapshot.ts";
import { readRecord, writeRecord } from "./record-file.ts";
import { moveFile } from "./write-file.ts";

interface SnapshotRecord {
  readonly revision: Revision;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** The policy that was applied last, whole: what drift is measured against, and what is healed when git cannot be reached. */
export async function readLastSnapshot(directory: string): Promise<Snapshot | null> {
  const record = await readRecord<SnapshotRecord>(current(directory));
  return record === null ? null : { revision: record.revision, files: new Map(Object.entries(record.files)) };
}

/** The one before is kept for a rollback. `isNew` is false when the policy renders to what was applied before. */
export async function writeLastSnapshot(directory: string, { revision, files }: Snapshot, isNew: boolean): Promise<void> {
  if (isNew && existsSync(current(directory))) await moveFile(current(directory), previous(directory));
  // JSON.stringify() makes an array of numbers of a Buffer before anybody can stop it, a hundred times as big.
  const plain = [...files].map(
    ([path, content]) => [path, new Uint8Array(content.buffer, content.byteOffset, content.byteLength)] as const,
  );
  await writeRecord(current(directory), { revision, files: Object.fromEntries(plain) } satisfies SnapshotRecord);
}

/** After a rollback, or a rollback of that: the two snapshots change places. */
export async function swapLastSnapshots(directory: string): Promise<void> {
  const [now, before] = [await readRecord(current(directory)), await readRecord(previous(directory))];
  await writeRecord(previous(directory), now);
  await writeRecord(current(directory), before);
}

function current(directory: string): string {
  return join(directory, "policy.json");
}

function previous(directory: string): string {
  return join(directory, "policy.previous.json");
}
