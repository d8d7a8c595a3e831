// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { Origin } from "../model/origin.ts";
import { diagnose, originAt, type Report, type SourceFile } from "./source-file.ts";
import { entryOf, nodeAt, placeAt, type YamlNode, type YamlPath } from "./yaml-tree.ts";

/** Where a step stands, and whom to tell what is wrong with it. */
export interface StepPlace {
  readonly source: SourceFile;
  readonly node: YamlNode;
  readonly hook: HookKind;
  readonly report: Report;
}

export interface StepFault {
  readonly severity?: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly hint?: string | null;
}

/** Reports a fault of the value at a path below the step. */
export function faultAt(place: StepPlace, path: YamlPath, fault: StepFault): void {
  place.report(diagnose(place.source, { ...fault, ...placeAt(place.node, path) }));
}

/** Reports a fault of the key itself that ends a path below the step. */
export function faultAtKey(place: StepPlace, path: YamlPath, fault: StepFault): void {
  const parent = nodeAt(place.node, path.slice(0, -1));
  const key = entryOf(parent, String(path.at(-1)))?.key;
  if (key === undefined) faultAt(place, path, fault);
  else place.report(diagnose(place.source, { ...fault, start: key.start, end: key.end }));
}

/** Line and column of the value, or of the key before a list or mapping, at a path below the step. */
export function originOf(place: StepPlace, path: YamlPath): Origin {
  return originAt(place.source, placeAt(place.node, path).start);
}
