// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";

/** Which file a path leads to now; null when to none. */
export function inodeOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}:${found.ino}`;
}
