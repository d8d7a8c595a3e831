// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { Applied } from "../model/applied.ts";
import { readRecord, writeRecord } from "./record-file.ts";

/** null before the first apply. */
export function readApplied(directory: string): Promise<Applied | null> {
  return readRecord<Applied>(appliedPath(directory));
}

/** Writes nothing when it already says so. */
export function writeApplied(directory: string, applied: Applied): Promise<void> {
  return writeRecord(appliedPath(directory), applied);
}

export function appliedPath(directory: string): string {
  return join(directory, "applied.json");
}
