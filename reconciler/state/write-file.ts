// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { getSystemErrorMap } from "node:util";
import { ReconcilerError } from "../reconciler-error.ts";

/**
 * Writes a whole file so that after a crash it holds either the old text or the new one: a temporary file beside it is synced,
 * renamed over it, and the directory is synced. Throws ReconcilerError "state-unwritable" and leaves the old file.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeSynced(temporary, text);
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw unwritable(path, error);
  }
}

/** No file takes as long as this to write. Milliseconds. */
const longestWrite = 60_000;

/** Removes the temporary files of writers that were killed. Never throws: they are in nobody's way. */
export async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((found) => /(^|\.)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/.test(found))) {
    const path = join(directory, name);
    const written = (await stat(path).catch(() => null))?.mtimeMs ?? Date.now();
    if (written < Date.now() - longestWrite) await rm(path, { force: true }).catch(() => undefined);
  }
}

/** Writes so many bytes into a directory and removes them again. Throws as replaceFile does, where that many cannot be written. */
export async function tryToWrite(directory: string, bytes: number): Promise<void> {
  const path = join(directory, `${randomUUID()}.tmp`);
  try {
    await writeSynced(path, "\n".repeat(bytes));
  } catch (error) {
    throw unwritable(directory, error);
  } finally {
    await rm(path, { force: true }).catch(() => undefined);
  }
}

/** Appends and syncs. A last line that a crash tore is closed first, so that it spoils only itself. */
export async function appendLine(path: string, line: string): Promise<void> {
  try {
    const file = await open(path, "a+", 0o600);
    try {
      await file.appendFile((await endsTorn(file)) ? `\n${line}\n` : `${line}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Renames a file over another of the same directory, durably. */
export async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
    await syncDirectory(dirname(to));
  } catch (error) {
    throw unwritable(to, error);
  }
}

/** Removes a file, durably; an absent one is fine. */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await syncDirectory(dirname(path));
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** The error that tells why a file of the state directory cannot be written. */
export function unwritable(path: string, cause: unknown): ReconcilerError {
  const { code, errno } = cause as NodeJS.ErrnoException;
  const reason = (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? (cause as Error).message;
  const hint = hints[code ?? ""] ?? "Mend that file system, then type the same again";
  return new ReconcilerError("state-unwritable", `Cannot write "${path}": ${reason}`, { cause, hint });
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: "Free some space on that file system, then type the same again",
  EDQUOT: "Free some space or raise the quota, then type the same again",
  EROFS: "Mount it writable again, or name a writable directory with --state",
  EACCES: "Run as root, or name a directory of your own with --state",
  EPERM: "Run as root, or name a directory of your own with --state",
};

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  return last[0] !== 0x0a;
}
