// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { Revision } from "../model/snapshot.ts";
import { readRecord, writeRecord } from "./record-file.ts";

/** What was applied last: what drift is measured against, and which keys of shared maps are ours. */
export interface Applied {
  readonly revision: Revision;
  /** Desired.digest. */
  readonly desired: string;
  /** By pin of the map: base64 of the keys we wrote, one after another. A map that is wholly ours is not listed. */
  readonly owned: Readonly<Record<string, string>>;
}

/** null before the first apply. */
export function readApplied(directory: string): Promise<Applied | null> {
  return readRecord<Applied>(join(directory, "applied.json"));
}

/** Writes nothing when it already says so. */
export function writeApplied(directory: string, applied: Applied): Promise<void> {
  return writeRecord(join(directory, "applied.json"), applied);
}
