// SPDX-License-Identifier: Apache-2.0
import type { GitCache } from "./git-cache.ts";
import { GitFailure, runGit } from "./git-command.ts";
import { parseBlobs, parseTree } from "./git-tree.ts";
import { checkEntries, invalid, type SnapshotLimits } from "./limits.ts";

/** The regular files of a commit below a folder (""  for all), read from the cache. Throws "source-invalid" for what is no policy. */
export async function readFiles(
  place: GitCache,
  commit: string,
  path: string,
  limits: SnapshotLimits,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const tree = path === "" ? commit : `${commit}:${path}`;
  const listed = await runGit(place.setting, ["ls-tree", "-r", "-z", "-l", "--full-tree", tree], signal).catch((error: unknown) => {
    throw path !== "" && error instanceof GitFailure
      ? invalid(`Cannot read folder "${path}": commit ${commit} has none of that name`)
      : error;
  });
  const entries = parseTree(listed.toString("utf8"));
  checkEntries(entries, limits);
  if (entries.length === 0) return new Map();
  const output = await runGit(place.setting, ["cat-file", "--batch"], signal, entries.map(({ blob }) => `${blob}\n`).join(""));
  const blobs = parseBlobs(output, entries.length);
  return new Map(entries.map((entry, index) => [entry.path, blobs[index] as Uint8Array]));
}
