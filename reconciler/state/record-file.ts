// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { fromJson, toJson } from "../model/json.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { removeFile, replaceFile } from "./write-file.ts";

/** Reads a small JSON record of the state directory; null when there is none. Throws ReconcilerError "state-unwritable" for what is no record. */
export async function readRecord<T extends object>(path: string): Promise<T | null> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  try {
    const { format, ...record } = fromJson(text) as { format: number } & T;
    if (format === 1) return record as unknown as T;
  } catch (cause) {
    throw notARecord(path, cause);
  }
  throw notARecord(path, undefined);
}

/** Writes a record, unless the file already says the same; null removes it. */
export async function writeRecord(path: string, record: object | null): Promise<void> {
  if (record === null) return removeFile(path);
  const text = `${toJson({ format: 1, ...record }, 2)}\n`;
  const current = await readFile(path, "utf8").catch(() => null);
  if (current !== text) await replaceFile(path, text);
}

function notARecord(path: string, cause: unknown): ReconcilerError {
  return new ReconcilerError("state-unwritable", `Cannot read "${path}": it is not a record of Sluice`, {
    cause,
    hint: "Move it away: the next pass writes a new one",
  });
}
