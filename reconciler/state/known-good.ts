// SPDX-License-Identifier: Apache-2.0
import { stat } from "node:fs/promises";
import { appliedPath, readApplied } from "./applied.ts";

/** What the host goes back to: the newest revision that was applied, and confirmed where that is asked for. */
export interface KnownGood {
  /** Revision.name. */
  readonly revision: string;
  /** Digest of what it renders to here. */
  readonly desired: string;
  /** ISO 8601, UTC: since when it is that. */
  readonly since: string;
}

/** Reads it, from the disk only where the file is another one than before: keys of users' maps make it large. null before the first apply. */
export function knownGoodReader(directory: string): () => Promise<KnownGood | null> {
  let known: { readonly stamp: string; readonly good: KnownGood } | null = null;
  return async () => {
    const file = await stat(appliedPath(directory)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    });
    if (file === null) return null;
    const stamp = `${file.ino} ${file.mtimeMs} ${file.size}`;
    if (known?.stamp === stamp) return known.good;
    const applied = await readApplied(directory);
    if (applied === null) return null;
    const good = { revision: applied.revision.name, desired: applied.desired, since: file.mtime.toISOString() };
    known = { stamp, good };
    return good;
  };
}
