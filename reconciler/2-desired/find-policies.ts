// SPDX-License-Identifier: Apache-2.0

/** The paths of the policy files, in order: every YAML file below interfaces/. */
export function findPolicies(files: ReadonlyMap<string, Uint8Array>): readonly string[] {
  return [...files.keys()].filter((path) => /^interfaces\/.*\.ya?ml$/.test(path)).sort();
}
