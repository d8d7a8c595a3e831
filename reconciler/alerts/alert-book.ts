// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { readRecord, writeRecord } from "../state/record-file.ts";
import { type AlertBook, emptyBook } from "./alert.ts";

/** What fires, what has happened, and who knows of it. Throws ReconcilerError "state-unwritable" for what is no book. */
export async function readBook(state: string): Promise<AlertBook> {
  return (await readRecord<AlertBook>(bookPath(state))) ?? emptyBook;
}

export async function writeBook(state: string, book: AlertBook): Promise<void> {
  await writeRecord(bookPath(state), book);
}

export function bookPath(state: string): string {
  return join(state, "alerts.json");
}
