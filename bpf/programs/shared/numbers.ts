// SPDX-License-Identifier: Apache-2.0
import type { LowerProblem } from "../library-program.ts";
import { errorAt, quote, type WithPath } from "./problem.ts";

/** Both ends belong to it. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** One number, "1000-1999", or a list of these, as the schemas' `numbers` allow them. */
export type NumbersParameter = NumberParameter | readonly NumberParameter[];
type NumberParameter = number | bigint | string;

/** The ranges that are written; ranges that run backwards or beyond `limit` are reported. */
export function readNumbers(value: NumbersParameter, path: WithPath, limit: number, problems: LowerProblem[]): readonly Range[] {
  if (!Array.isArray(value)) return readOne(value as NumberParameter, path, limit, problems);
  return (value as readonly NumberParameter[]).flatMap((item, index) => readOne(item, [...path, index], limit, problems));
}

function readOne(value: NumberParameter, path: WithPath, limit: number, problems: LowerProblem[]): readonly Range[] {
  const [first, last = first] = String(value).split("-").map(Number) as [number, number?];
  if (first > last) {
    problems.push(errorAt(path, "out-of-range", `Range ${quote(value)} runs backwards`, `did you mean "${last}-${first}"?`));
    return [];
  }
  if (last <= limit) return [{ first, last }];
  problems.push(errorAt(path, "out-of-range", `Value ${quote(value)} is too big: expected at most ${limit}`));
  return [];
}
