// SPDX-License-Identifier: Apache-2.0
import { constants, existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { fullName, type GitRef } from "./git-ref.ts";

/** Where a branch or a tag of a local repository shows that it moved. */
export function refPlaces(repository: string): readonly string[] {
  const folder = gitFolder(repository);
  return [join(folder, "refs"), join(folder, "packed-refs")];
}

/**
 * Whether a branch or tag of a local repository is at this commit, as far as one look at a file can tell: false where that takes git.
 * Neither follows a link nor waits for a pipe.
 */
export async function isAt(repository: string, ref: GitRef, commit: string): Promise<boolean> {
  try {
    const file = await open(join(gitFolder(repository), fullName(ref)), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
      return buffer.toString("latin1", 0, bytesRead).trimEnd() === commit;
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

function gitFolder(repository: string): string {
  const inside = join(repository, ".git");
  return existsSync(inside) ? inside : repository;
}
