// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { readRecord, writeRecord } from "./record-file.ts";

/** A policy that somebody began to read, and did not come to the end of. */
export interface ParseTries {
  /** Fetched.identity. */
  readonly identity: string;
  readonly tries: number;
  /** How the last one ended; null while it runs, and when whoever waited for it is dead. */
  readonly ended: string | null;
}

/** null when the last policy that was begun was read to its end. */
export function readParseTries(directory: string): Promise<ParseTries | null> {
  return readRecord<ParseTries>(path(directory));
}

/** Of the newest policy only: git has moved on since the others. */
export async function writeParseTries(directory: string, tries: ParseTries | null): Promise<void> {
  await writeRecord(path(directory), tries === null ? null : { ...tries });
}

function path(directory: string): string {
  return join(directory, "parsing.json");
}
