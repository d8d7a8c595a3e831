// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../bpf/package-root.ts";

let known: string | null = null;

/** Sluice's version, from package.json. */
export function sluiceVersion(): string {
  known ??= (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
  return known;
}
