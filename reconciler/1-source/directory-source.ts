// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Revision, Snapshot } from "../model/snapshot.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { checkEntries, defaultLimits, type FileEntry, invalid, type SnapshotLimits } from "./limits.ts";
import type { Fetched, Source } from "./source.ts";

export interface DirectorySourceOptions {
  readonly kind: "directory";
  /** A working folder; ".git" in it is left out. */
  readonly directory: string;
  readonly limits?: SnapshotLimits;
}

/** A folder on this host as a source: every look at it reads all of it. */
export function openDirectorySource(options: DirectorySourceOptions): Source {
  const directory = resolve(options.directory);
  let last: { readonly identity: string; readonly snapshot: Snapshot } | null = null;
  return {
    name: `dir:${directory}`,
    watch: [directory],
    async fetch(): Promise<Fetched> {
      const snapshot = await readDirectory(directory, options.limits);
      const identity = digest(snapshot);
      last = { identity, snapshot };
      return { revision: snapshot.revision, identity };
    },
    async snapshot(fetched): Promise<Snapshot> {
      return last?.identity === fetched.identity ? last.snapshot : readDirectory(directory, options.limits);
    },
    async close() {},
  };
}

/**
 * Every regular file below a folder. Throws ReconcilerError "source-unreachable" when the folder cannot be read, "source-invalid"
 * for symbolic links, devices and more than the limits allow.
 */
export async function readDirectory(directory: string, limits: SnapshotLimits = defaultLimits): Promise<Snapshot> {
  const root = resolve(directory);
  const entries = await listFiles(root, "", limits);
  checkEntries(entries, limits);
  const files = new Map<string, Uint8Array>();
  for (const path of entries.map((entry) => entry.path).sort()) files.set(path, await readRegular(root, path, limits));
  return { revision: revisionOf(root), files };
}

function revisionOf(directory: string): Revision {
  return { name: `dir:${directory}`, commit: null, author: null, subject: null, committed: null };
}

async function listFiles(root: string, folder: string, limits: SnapshotLimits): Promise<FileEntry[]> {
  const names = await readdir(join(root, folder)).catch((error: unknown) => {
    throw unreadable(join(root, folder), error as NodeJS.ErrnoException);
  });
  const files: FileEntry[] = [];
  for (const name of names) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (path === ".git") continue;
    const info = await lstat(join(root, path));
    if (info.isDirectory()) files.push(...(await listFiles(root, path, limits)));
    else files.push({ path, bytes: info.size });
    // Deep or endless trees end here, not after they have been walked.
    checkEntries([{ path, bytes: 0 }], limits);
    if (files.length > limits.files) checkEntries(files, limits);
  }
  return files;
}

/** Neither follows a link nor waits for a pipe, whatever the path has become since it was listed. */
async function readRegular(root: string, path: string, limits: SnapshotLimits): Promise<Uint8Array> {
  const file = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ELOOP") throw notAFile(path, "a symbolic link");
    if (code === "ENXIO") throw notAFile(path, "a socket");
    throw unreadable(join(root, path), error as NodeJS.ErrnoException);
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw notAFile(path, "not a regular file");
    checkEntries([{ path, bytes: info.size }], limits);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function notAFile(path: string, what: string): ReconcilerError {
  return invalid(`Cannot read "${path}": it is ${what}`, "Policies are regular files; copy the file itself");
}

function unreadable(path: string, cause: NodeJS.ErrnoException): ReconcilerError {
  return new ReconcilerError("source-unreachable", `Cannot read "${path}": ${cause.message}`, { cause });
}

function digest(snapshot: Snapshot): string {
  const hash = createHash("sha256");
  for (const [path, content] of snapshot.files) hash.update(`${path}\0${content.length}\0`).update(content);
  return hash.digest("hex");
}
