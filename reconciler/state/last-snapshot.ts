// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Revision, Snapshot } from "../model/snapshot.ts";
import { isRecord, readRecord, writeRecord } from "./record-file.ts";
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

export function hasLastSnapshot(directory: string): boolean {
  return existsSync(current(directory));
}

/** Those before are kept for rollbacks, five in all. `isNew` is false when the policy renders to what was applied before. */
export async function writeLastSnapshot(directory: string, { revision, files }: Snapshot, isNew: boolean): Promise<void> {
  if (isNew && existsSync(current(directory))) await makeRoom(directory);
  // JSON.stringify() makes an array of numbers of a Buffer before anybody can stop it, a hundred times as big.
  const plain = [...files].map(
    ([path, content]) => [path, new Uint8Array(content.buffer, content.byteOffset, content.byteLength)] as const,
  );
  await writeRecord(current(directory), { revision, files: Object.fromEntries(plain) } satisfies SnapshotRecord);
}

/** What runs is moved before what ran before it, and so on; the oldest goes. */
async function makeRoom(directory: string): Promise<void> {
  const paths = keptPaths(directory);
  for (let age = paths.length - 1; age > 0; age--) {
    const [from = "", to = ""] = [paths[age - 1], paths[age]];
    if (existsSync(from)) await moveFile(from, to);
  }
}

/** The confirmed policies that are kept here, newest first: what `sluice rollback --to` can go to without git. */
export async function readKeptSnapshots(directory: string): Promise<readonly Snapshot[]> {
  const records = await Promise.all(keptPaths(directory).map((path) => readRecord<SnapshotRecord>(path)));
  return records.flatMap((record) =>
    record === null ? [] : [{ revision: record.revision, files: new Map(Object.entries(record.files)) }],
  );
}

/** After a rollback, or a rollback of that: the two snapshots change places. */
export async function swapLastSnapshots(directory: string): Promise<void> {
  const read = async (path: string) => ((await isRecord(path)) === true ? readRecord(path) : null);
  const [now, before] = [await read(current(directory)), await read(previous(directory))];
  await writeRecord(previous(directory), now);
  await writeRecord(current(directory), before);
}

/** Newest first. */
function keptPaths(directory: string): readonly string[] {
  return [current(directory), previous(directory), ...[2, 3, 4].map((age) => join(directory, `policy.${age}.json`))];
}

function current(directory: string): string {
  return join(directory, "policy.json");
}

function previous(directory: string): string {
  return join(directory, "policy.previous.json");
}
