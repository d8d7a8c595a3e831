// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { Applied } from "../model/applied.ts";
import { readRecord, writeRecord } from "./record-file.ts";

/** null before the first apply. */
export function readApplied(directory: string): Promise<Applied | null> {
  return readRecord<Applied>(join(directory, "applied.json"));
}

/** Writes nothing when it already says so. */
export function writeApplied(directory: string, applied: Applied): Promise<void> {
  return writeRecord(join(directory, "applied.json"), applied);
}
