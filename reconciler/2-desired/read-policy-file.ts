// SPDX-License-Identifier: Apache-2.0
import { readFastYaml } from "./fast-yaml.ts";
import { readFullYaml } from "./full-yaml.ts";
import { diagnose, diagnoseFile, type Report, type SourceFile, sourceFile } from "./source-file.ts";
import type { YamlNode } from "./yaml-tree.ts";

/** A policy file whose YAML is sound. */
export interface PolicyFile {
  readonly source: SourceFile;
  readonly root: YamlNode;
}

/** Lists go in list files; a policy of a megabyte is a mistake or an attack. */
const biggestFile = 1024 * 1024;

/** Reads one file of interfaces/. Null when it cannot be read; `report` has heard why. */
export function readPolicyFile(path: string, bytes: Uint8Array, report: Report): PolicyFile | null {
  const text = decodeText(path, bytes, report);
  if (text === null) return null;
  const source = sourceFile(path, text);
  const fast = readFastYaml(text);
  if (fast !== null) return { source, root: fast };
  const { root, complaints } = readFullYaml(text);
  for (const complaint of complaints) report(diagnose(source, complaint));
  return root === null ? null : { source, root };
}

function decodeText(path: string, bytes: Uint8Array, report: Report): string | null {
  if (bytes.length > biggestFile) {
    report(
      diagnoseFile(path, "too-big", `The file has ${bytes.length} bytes, a policy at most ${biggestFile}`, "move long lists to lists/"),
    );
    return null;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    report(diagnoseFile(path, "not-text", "The file is not UTF-8 text"));
    return null;
  }
}
