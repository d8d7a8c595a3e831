// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Journal } from "../model/journal.ts";
import { fromJson, toJson } from "../model/json.ts";
import { setAside } from "./set-aside.ts";
import { moveFile, removeFile, replaceFile } from "./write-file.ts";

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

/** The apply is finished: its journal becomes the way back that `sluice rollback` takes, in place of the one before, which is set aside when torn. */
export async function archiveJournal(directory: string): Promise<void> {
  const before = await readText(undoPath(directory));
  if (before !== null && faultOf(before) !== null) await setAside(undoPath(directory));
  await moveFile(journalPath(directory), undoPath(directory));
}

/** How to undo the last finished apply; null when there was none. */
export function readUndo(directory: string): Promise<FoundJournal | BrokenJournal | null> {
  return readChecked(undoPath(directory));
}

async function readChecked(path: string): Promise<FoundJournal | BrokenJournal | null> {
  const text = await readText(path);
  if (text === null) return null;
  const fault = faultOf(text);
  if (fault !== null) return moveAside(path, fault);
  return { kind: "found", journal: fromJson(text.slice(text.indexOf("\n") + 1)) as Journal };
}

/** Why the journal cannot be trusted; null when it can, or is not there. Leaves it where it is. */
export async function journalFault(directory: string): Promise<string | null> {
  const text = await readText(journalPath(directory));
  return text === null ? null : faultOf(text);
}

function faultOf(text: string): string | null {
  const end = text.indexOf("\n");
  if (end < 0 || !text.startsWith("sluice-journal ")) return "it is not a journal of Sluice";
  if (text.slice(0, end) !== header(text.slice(end + 1))) return "its checksum does not match, so part of it is missing or changed";
  return null;
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
  const { movedTo } = await setAside(path);
  return { kind: "broken", movedTo, reason };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
