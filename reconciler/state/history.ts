// SPDX-License-Identifier: Apache-2.0
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Revision } from "../model/snapshot.ts";
import { appendLine, replaceFile } from "./write-file.ts";

/** What one pass did, or what one command did: a line of history.jsonl. */
export interface HistoryEntry {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** Revision.name. */
  readonly revision: string;
  readonly author: string | null;
  readonly subject: string | null;
  /** Whose good signature the revision has; not there where nobody asked. */
  readonly signer?: string;
  /** Revision.name of what was there before, where the revision does not go on from it. */
  readonly rewound?: string;
  readonly result: "applied" | "rolled-back" | "refused" | "invalid" | "stuck" | "rollback";
  readonly hooks: readonly HistoryHook[];
  readonly milliseconds: number;
  /** Why, when the result is not "applied"; null when there is nothing to say. */
  readonly message: string | null;
  /** What started it: "commit", "drift", "device", "command". */
  readonly trigger: string;
}

/** What an entry says of its revision. */
export function aboutRevision(revision: Revision): Pick<HistoryEntry, "revision" | "author" | "subject" | "signer" | "rewound"> {
  const { name, author, subject, signer, rewound } = revision;
  const marks = { ...(signer === undefined ? {} : { signer }), ...(rewound === undefined ? {} : { rewound }) };
  return { revision: name, author, subject, ...marks };
}

/** One hook that changed: "eth0/xdp" and generation ids, null for none. */
export interface HistoryHook {
  readonly hook: string;
  readonly from: string | null;
  readonly to: string | null;
}

const rotateAt = 8 * 1024 * 1024;
const keptEntries = 10_000;
const keptBytes = rotateAt / 2;

/** Appends one entry, durably. Past 8 MiB the oldest are dropped: at most 10,000 entries and 4 MiB stay. */
export async function appendHistory(directory: string, entry: HistoryEntry): Promise<void> {
  const path = historyPath(directory);
  await appendLine(path, JSON.stringify(entry));
  if ((await stat(path)).size > rotateAt) await replaceFile(path, newest(await readFile(path, "utf8")));
}

/** The newest `limit` entries, newest first; none when nothing has happened yet. A line that a crash tore is left out. */
export async function readHistory(directory: string, limit: number): Promise<readonly HistoryEntry[]> {
  const lines = (await readText(historyPath(directory))).split("\n");
  const entries: HistoryEntry[] = [];
  for (let index = lines.length - 1; index >= 0 && entries.length < limit; index--) {
    const entry = parseEntry(lines[index] ?? "");
    if (entry !== null) entries.push(entry);
  }
  return entries;
}

function historyPath(directory: string): string {
  return join(directory, "history.jsonl");
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function parseEntry(line: string): HistoryEntry | null {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null && "revision" in entry && "result" in entry ? (entry as HistoryEntry) : null;
  } catch {
    return null;
  }
}

function newest(text: string): string {
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .slice(-keptEntries);
  let first = lines.length;
  for (let bytes = 0; first > 0; first--) {
    bytes += Buffer.byteLength(lines[first - 1] ?? "") + 1;
    if (bytes > keptBytes) break;
  }
  return `${lines.slice(first).join("\n")}\n`;
}
