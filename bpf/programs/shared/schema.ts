// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../package-root.ts";

/** The JSON Schema bpf/programs/<name>/<name>.schema.json. */
export function programSchema(name: string): object {
  return JSON.parse(readFileSync(join(packageRoot(), "bpf/programs", name, `${name}.schema.json`), "utf8")) as object;
}
