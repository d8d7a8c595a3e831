// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { Origin } from "../model/origin.ts";
import type { PolicyFile } from "./read-policy-file.ts";
import { diagnose, originAt, type Report } from "./source-file.ts";
import { entryOf, nodeAt, placeAt, type YamlPath } from "./yaml-tree.ts";

/** Where a step stands, and whom to tell what is wrong with it. */
export interface StepPlace {
  readonly file: PolicyFile;
  /** Of the step in the file: ["xdp", "chain", 2]. */
  readonly path: YamlPath;
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
  place.report(diagnose(place.file.source, { ...fault, ...placeAt(place.file.root, [...place.path, ...path]) }));
}

/** Reports a fault of the key itself that ends a path below the step. */
export function faultAtKey(place: StepPlace, path: YamlPath, fault: StepFault): void {
  const parent = nodeAt(place.file.root, [...place.path, ...path.slice(0, -1)]);
  const key = entryOf(parent, String(path.at(-1)))?.key;
  if (key === undefined) faultAt(place, path, fault);
  else place.report(diagnose(place.file.source, { ...fault, start: key.start, end: key.end }));
}

/** Line and column of the value, or of the key before a list or mapping, at a path below the step. */
export function originOf(place: StepPlace, path: YamlPath): Origin {
  return originAt(place.file.source, placeAt(place.file.root, [...place.path, ...path]).start);
}
