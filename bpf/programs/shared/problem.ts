// SPDX-License-Identifier: Apache-2.0
import type { LowerProblem } from "../library-program.ts";

/** Path inside `with`. */
export type WithPath = readonly (string | number)[];

/** An error at a place of the step's `with`. */
export function errorAt(path: WithPath, code: string, message: string, hint: string | null = null): LowerProblem {
  return { code, message, hint, severity: "error", path, file: null };
}

/** A value as error messages quote it: on one line, and cut where it gets long. */
export function quote(value: unknown): string {
  const text = String(value);
  const printable = text.replace(/[^\x20-\x7e]/g, "?");
  return `"${printable.length > 60 ? `${printable.slice(0, 60)}…` : printable}"`;
}
