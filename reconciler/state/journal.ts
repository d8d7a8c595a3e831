// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { access, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Journal } from "../model/journal.ts";
import { fromJson, toJson } from "../model/json.ts";
import { moveFile, removeFile, replaceFile, unwritable } from "./write-file.ts";

/** A journal file that cannot be trusted; it is kept under another name and stands in nobody's way. */
export interface BrokenJournal {
  readonly kind: "broken";
  readonly movedTo: string;
  /** What is wrong with it. */
  readonly reason: string;
}

export interface FoundJournal {
  readonly kind: "found";
  readonly journal: Journal;
}

/**
 * Writes down how to undo what is about to be committed; on disk when this returns. The file is one line with the format and a
 * checksum, then JSON. Throws ReconcilerError "state-unwritable": then nothing may be committed.
 */
export async function writeJournal(directory: string, journal: Journal): Promise<void> {
  const body = toJson(journal);
  await replaceFile(journalPath(directory), `${header(body)}\n${body}`);
}

/**
 * The journal of an apply that did not finish; null when the last one did. Needs the state lock: a torn or foreign file is moved
 * to "journal.broken-<n>", never deleted.
 */
export function readJournal(directory: string): Promise<FoundJournal | BrokenJournal | null> {
  return readChecked(journalPath(directory));
}

/** The apply is finished: its journal becomes the way back that `sluice rollback` takes, in place of the one before. */
export async function archiveJournal(directory: string): Promise<void> {
  await moveFile(journalPath(directory), undoPath(directory));
}

/** How to undo the last finished apply; null when there was none. */
export function readUndo(directory: string): Promise<FoundJournal | BrokenJournal | null> {
  return readChecked(undoPath(directory));
}

async function readChecked(path: string): Promise<FoundJournal | BrokenJournal | null> {
  const text = await readText(path);
  if (text === null) return null;
  const end = text.indexOf("\n");
  const body = text.slice(end + 1);
  if (end < 0 || !text.startsWith("sluice-journal ")) return moveAside(path, "it is not a journal of Sluice");
  if (text.slice(0, end) !== header(body)) return moveAside(path, "its checksum does not match, so part of it is missing or changed");
  return { kind: "found", journal: fromJson(body) as Journal };
}

/** The apply is finished or undone; fine when there is no journal. */
export async function clearJournal(directory: string): Promise<void> {
  if (await exists(journalPath(directory))) await removeFile(journalPath(directory));
}

function journalPath(directory: string): string {
  return join(directory, "journal");
}

function undoPath(directory: string): string {
  return join(directory, "undo");
}

function header(body: string): string {
  return `sluice-journal 1 sha256:${createHash("sha256").update(body).digest("hex")}`;
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function moveAside(path: string, reason: string): Promise<BrokenJournal> {
  let number = 1;
  while (await exists(`${path}.broken-${number}`)) number++;
  const movedTo = `${path}.broken-${number}`;
  try {
    await rename(path, movedTo);
  } catch (error) {
    throw unwritable(movedTo, error);
  }
  return { kind: "broken", movedTo, reason };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
