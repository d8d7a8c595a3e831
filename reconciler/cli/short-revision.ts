// SPDX-License-Identifier: Apache-2.0
import { sanitise } from "../6-report/sanitise.ts";

/** A revision's name as a table has room for it: "main@7c1e4f2a" for "main@sha1:7c1e4f2a…", "7c1e4f2a" for a pinned commit; a folder stays as it is. */
export function shortRevision(name: string): string {
  return sanitise(name.replace(/(^|@)sha(?:1|256):([0-9a-f]{8})[0-9a-f]*$/, "$1$2"));
}
