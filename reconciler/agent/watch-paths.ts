// SPDX-License-Identifier: Apache-2.0
import { watch } from "chokidar";

/**
 * Calls `changed` when something at or below the paths changes. Only a hint: replaced folders and swapped links may go unseen, so
 * whoever watches must also ask now and then. Git's lock files are left out. Resolves, once all is watched, to how to end it.
 */
export async function watchPaths(paths: readonly string[], changed: () => void): Promise<() => Promise<void>> {
  if (paths.length === 0) return async () => {};
  const watcher = watch([...paths], { ignoreInitial: true, ignored: (path) => path.endsWith(".lock"), atomic: false });
  watcher.on("all", changed);
  watcher.on("error", () => changed());
  await new Promise<void>((resolve) => watcher.once("ready", resolve));
  return () => watcher.close();
}
