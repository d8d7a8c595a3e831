// SPDX-License-Identifier: Apache-2.0
import { ReconcilerError } from "../reconciler-error.ts";

/** How much of a policy repository we are willing to take. */
export interface SnapshotLimits {
  readonly files: number;
  readonly fileBytes: number;
  readonly totalBytes: number;
  /** Folders below one another. */
  readonly depth: number;
  /** What one fetch may write to disk. */
  readonly fetchBytes: number;
}

export const defaultLimits: SnapshotLimits = {
  files: 10_000,
  fileBytes: 64 * 2 ** 20,
  totalBytes: 256 * 2 ** 20,
  depth: 32,
  fetchBytes: 512 * 2 ** 20,
};

/** What is known of a file before it is read. */
export interface FileEntry {
  readonly path: string;
  readonly bytes: number;
}

/** Throws ReconcilerError "source-invalid" for the first file that is too much, or that has a path no policy needs. */
export function checkEntries(entries: readonly FileEntry[], limits: SnapshotLimits): void {
  if (entries.length > limits.files) {
    throw invalid(`Cannot read the policy: it has ${entries.length} files, at most ${limits.files} are read`);
  }
  let total = 0;
  for (const { path, bytes } of entries) {
    checkPath(path, limits);
    if (bytes > limits.fileBytes) throw invalid(`Cannot read "${path}": it has ${bytes} bytes, at most ${limits.fileBytes} are read`);
    total += bytes;
  }
  if (total > limits.totalBytes) {
    throw invalid(`Cannot read the policy: its files have ${total} bytes together, at most ${limits.totalBytes} are read`);
  }
}

/** A commit or a folder that is there, but is not what a policy repository may hold. */
export function invalid(
  message: string,
  hint = "Name the policy's own folder with --path, or raise the limits of the agent",
): ReconcilerError {
  return new ReconcilerError("source-invalid", message, { hint });
}

function checkPath(path: string, limits: SnapshotLimits): void {
  const parts = path.split("/");
  const fault = pathFault(path, parts, limits);
  if (fault !== null) throw invalid(`Cannot read ${JSON.stringify(path)}: ${fault}`, "Rename it");
}

function pathFault(path: string, parts: readonly string[], limits: SnapshotLimits): string | null {
  if (parts.some((part) => part === "" || part === "." || part === "..")) return "its path leads out of the policy";
  if (parts.length > limits.depth) return `it lies ${parts.length} folders deep, at most ${limits.depth} are read`;
  if (/[\p{Cc}\\\ufffd]/u.test(path)) return "its path has a control character, a backslash, or is not UTF-8";
  return null;
}
