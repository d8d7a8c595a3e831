// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { ReconcilerError } from "../reconciler-error.ts";
import { noRecord, readRecord, writeRecord } from "../state/record-file.ts";
import { type SetAside, setAside } from "../state/set-aside.ts";
import { type AlertBook, emptyBook } from "./alert.ts";

/** What fires, what has happened, and who knows of it. Throws ReconcilerError "state-unwritable" for what is no book. */
export async function readBook(state: string): Promise<AlertBook> {
  const path = bookPath(state);
  const hint = "The agent sets it aside when it starts, and begins a new one";
  const book = await readRecord<AlertBook>(path, hint);
  if (book !== null && !isBook(book)) throw noRecord(path, hint);
  return book ?? emptyBook;
}

/**
 * The book to go on with. One that is torn is set aside: nothing that filters depends on it. Its successor begins with an id that is higher
 * than any before, the seconds since 1970, because receivers know a repetition by it.
 */
export async function openBook(state: string, now: number): Promise<{ readonly book: AlertBook; readonly aside: SetAside | null }> {
  try {
    return { book: await readBook(state), aside: null };
  } catch (error) {
    if (!(error instanceof ReconcilerError)) throw error;
    return { book: { ...emptyBook, nextId: Math.floor(now / 1000) }, aside: await setAside(bookPath(state)) };
  }
}

function isBook({ firing, events, nextId, taken }: Partial<AlertBook>): boolean {
  return Array.isArray(firing) && Array.isArray(events) && Number.isSafeInteger(nextId) && typeof taken === "object";
}

export async function writeBook(state: string, book: AlertBook): Promise<void> {
  await writeRecord(bookPath(state), book);
}

export function bookPath(state: string): string {
  return join(state, "alerts.json");
}
