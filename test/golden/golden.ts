// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import type { ExecutionContext } from "ava";
import { packageRoot } from "../../bpf/package-root.ts";

/**
 * Compares a text with test/golden/<name>, where it can be read as a user sees it. `SLUICE_UPDATE=1` writes the file instead;
 * then the diff in git is what there is to review.
 */
export function matchesGolden(t: ExecutionContext, name: string, text: string): void {
  const file = join(packageRoot(), "test", "golden", name);
  if (env["SLUICE_UPDATE"] === "1") writeFileSync(file, text);
  t.true(existsSync(file), `${name} is missing: run the test with SLUICE_UPDATE=1`);
  t.is(text, readFileSync(file, "utf8"));
}
