// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { readRecord, writeRecord } from "./record-file.ts";

/** Set by `sluice rollback`: the agent leaves the host alone until git renders to something else. */
export interface Hold {
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Revision.name that was rolled back. */
  readonly revision: string;
  /** Desired.digest of that revision: the hold ends when git renders to another. */
  readonly desired: string;
  readonly reason: string | null;
}

/** null when the host follows git. */
export function readHold(directory: string): Promise<Hold | null> {
  return readRecord<Hold>(join(directory, "hold.json"));
}

export function writeHold(directory: string, hold: Hold): Promise<void> {
  return writeRecord(join(directory, "hold.json"), hold);
}

/** Follows git again; fine when there is no hold. */
export function clearHold(directory: string): Promise<void> {
  return writeRecord(join(directory, "hold.json"), null);
}
