// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../package-root.ts";
import { acl } from "./acl/acl.ts";
import { connLimit } from "./conn-limit/conn-limit.ts";
import { count } from "./count/count.ts";
import { dropMatch } from "./drop-match/drop-match.ts";
import type { LibraryProgram } from "./library-program.ts";
import { portQuota } from "./port-quota/port-quota.ts";
import { rateLimit } from "./rate-limit/rate-limit.ts";
import { tap } from "./tap/tap.ts";

/** The filters that `uses:` can name. */
export const library: readonly LibraryProgram[] = [acl, connLimit, count, dropMatch, portQuota, rateLimit, tap];

/** The built object of a filter, the same bytes object each time. Throws when it was not built. */
export function libraryObject(file: string): Uint8Array {
  const known = objects.get(file);
  if (known !== undefined) return known;
  const object = readObject(join(packageRoot(), "dist/bpf/programs", file));
  objects.set(file, object);
  return object;
}

/** What libraryObject() takes. */
export function libraryFiles(): readonly string[] {
  return readdirSync(join(packageRoot(), "dist/bpf/programs")).filter((file) => file.endsWith(".bpf.o"));
}

const objects = new Map<string, Uint8Array>();

function readObject(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`Cannot read the filter "${path}": build it with \`npm run build\``, { cause });
  }
}
