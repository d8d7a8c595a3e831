// SPDX-License-Identifier: Apache-2.0
import type { Expressions } from "../../bpf/match/compile-match.ts";
import type { Report, SourceFile } from "./source-file.ts";
import type { YamlNode } from "./yaml-tree.ts";

/** A file of tests being read. */
export interface TestPlace {
  readonly source: SourceFile;
  readonly root: YamlNode;
  /** The whole repository. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly expressions: Expressions;
  readonly report: Report;
}
