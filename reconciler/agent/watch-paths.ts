// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { watch } from "chokidar";

/** chokidar swallows a second change of a file within 50 ms of the first: two quick pushes would look like one. */
const lookAgainAfter = 250;

/**
 * Calls `changed` when something at or below the paths changes; those that do not exist, and git's lock files and
 * objects, are left out. Only a hint: replaced folders and swapped links may go unseen, so whoever watches must also ask now and then.
 * Resolves, once all is watched, to how to end it.
 */
export async function watchPaths(paths: readonly string[], changed: () => void): Promise<() => Promise<void>> {
  // Paths that are not there would make chokidar 5 say that it is ready before it is, and miss the first change.
  const existing = paths.filter((path) => existsSync(path));
  if (existing.length === 0) return async () => {};
  const watcher = watch(existing, {
    ignoreInitial: true,
    ignored: (path) => path.endsWith(".lock") || path.includes("/.git/objects"),
    atomic: false,
  });
  let again: NodeJS.Timeout | undefined;
  const tell = () => {
    changed();
    clearTimeout(again);
    again = setTimeout(changed, lookAgainAfter);
  };
  watcher.on("all", tell);
  watcher.on("error", tell);
  await new Promise<void>((resolve) => watcher.once("ready", resolve));
  return async () => {
    clearTimeout(again);
    await watcher.close();
  };
}
