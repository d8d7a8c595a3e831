// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { fromJson, toJson } from "../model/json.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { setAside } from "./set-aside.ts";
import { removeFile, replaceFile } from "./write-file.ts";

/** What every record begins and ends with. */
export const recordHead = '{\n  "format": 1';
export const recordTail = "\n}\n";

/** Reads a small JSON record of the state directory; null when there is none. Throws ReconcilerError "state-unwritable" for what is no record. */
export async function readRecord<T extends object>(
  path: string,
  hint = "sluice apply sets it aside and goes on without it",
): Promise<T | null> {
  const text = await readText(path);
  if (text === null) return null;
  const record = parse(text);
  if (record !== null) return record as T;
  throw noRecord(path, hint);
}

export function noRecord(path: string, hint: string): ReconcilerError {
  return new ReconcilerError("state-unwritable", `Cannot read "${path}": it is not a record of Sluice; every hook runs what it ran`, {
    hint,
  });
}

/** Whether a file is a record; null when there is none. */
export async function isRecord(path: string): Promise<boolean | null> {
  const text = await readText(path);
  return text === null ? null : parse(text) !== null;
}

/** Writes a record, unless the file already says the same; null removes it. What is there and is no record is set aside first. */
export async function writeRecord(path: string, record: object | null): Promise<void> {
  const current = await readText(path).catch(() => null);
  const text = record === null ? null : `${toJson({ format: 1, ...record }, 2)}\n`;
  if (current === text && current !== null) return;
  if (current !== null && parse(current) === null) await setAside(path);
  await (text === null ? removeFile(path) : replaceFile(path, text));
}

async function readText(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  });
}

/** null for what is no record. */
function parse(text: string): object | null {
  try {
    const { format, ...record } = fromJson(text) as { format: number };
    return format === 1 ? record : null;
  } catch {
    return null;
  }
}
