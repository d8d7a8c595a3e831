// SPDX-License-Identifier: Apache-2.0
import type { Reasons, RuleExpression, Watch } from "../../bpf/programs/library-program.ts";
import type { DesiredMap } from "../model/desired.ts";
import type { OpenedObject } from "./opened-object.ts";

/** What a step runs, without its name and place in a chain. */
export interface StepContent {
  readonly object: OpenedObject;
  readonly function: string;
  /** Contents of maps of constants that differ from the object's. */
  readonly globals: Readonly<Record<string, Uint8Array>>;
  readonly maps: readonly DesiredMap[];
  /** What it has at a tracepoint. */
  readonly watch?: Watch;
  /** Expressions of its `with`, in order; not there for most. */
  readonly rules?: readonly RuleExpression[];
  /** null where nobody says what is counted. */
  readonly reasons: Reasons | null;
}

/** Of the contents of maps of global variables, those of the constants, in name order. */
export function constantContents(object: OpenedObject, contents: ReadonlyMap<string, Uint8Array>): Readonly<Record<string, Uint8Array>> {
  const constants = object.spec.maps.filter((map) => map.role === "rodata").map((map) => map.name);
  const kept = [...contents].filter(([name]) => constants.includes(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(kept);
}
