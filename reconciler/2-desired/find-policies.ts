// SPDX-License-Identifier: Apache-2.0
import { diagnoseFile, type Report } from "./source-file.ts";

/** The paths of the policy files, in order: every YAML file below interfaces/. */
export function findPolicies(files: ReadonlyMap<string, Uint8Array>, report: Report): readonly string[] {
  const yaml = [...files.keys()].filter((path) => /\.ya?ml$/.test(path)).sort();
  for (const path of yaml.filter((candidate) => candidate.startsWith("tests/"))) {
    report(diagnoseFile(path, "not-supported", "Packet tests are not supported yet", "remove the file: it would not be run"));
  }
  return yaml.filter((path) => path.startsWith("interfaces/"));
}
