// SPDX-License-Identifier: Apache-2.0
import { createRequire } from "node:module";
import type * as Yaml from "yaml";

const require = createRequire(import.meta.url);

let loaded: typeof Yaml | null = null;

/** The package "yaml", loaded when it is first asked for: nearly all policies are read without it, and each start would wait for it. */
export function yamlPackage(): typeof Yaml {
  loaded ??= require("yaml") as typeof Yaml;
  return loaded;
}

/** For a program that needs it at each start and brings it in one file: it has seventy. */
export function useYamlPackage(yaml: typeof Yaml): void {
  loaded = yaml;
}
