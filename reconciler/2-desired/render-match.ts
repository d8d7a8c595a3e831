// SPDX-License-Identifier: Apache-2.0
import type { ExpressionFault } from "../../bpf/match/check-expression.ts";
import type { CompiledMatch, Expressions } from "../../bpf/match/compile-match.ts";
import { diagnose, type Report, type SourceFile } from "./source-file.ts";
import { placeAt, type YamlNode, type YamlPath, type YamlSpan } from "./yaml-tree.ts";

/** Where an expression stands, and whom to tell what is wrong with it. */
export interface ExpressionPlace {
  readonly source: SourceFile;
  readonly root: YamlNode;
  readonly path: YamlPath;
  readonly report: Report;
}

/** An expression of a policy, compiled; null when it cannot be, which is reported where in the text it goes wrong. */
export function renderExpression(place: ExpressionPlace, text: string, { compile }: Expressions): CompiledMatch | null {
  const compiled = compile(text);
  if (compiled.kind === "match") return compiled;
  const { message, hint } = compiled;
  const whole = placeAt(place.root, place.path);
  const span = spanOf(place.source.text, whole, text, compiled);
  place.report(diagnose(place.source, { code: "wrong-match", message, hint, ...span }));
  return null;
}

/**
 * Where a piece of a text stands in the file. YAML folds lines, so only what is no space has to be the same there; a text that is escaped
 * is pointed at as a whole.
 */
function spanOf(file: string, whole: YamlSpan, text: string, piece: Pick<ExpressionFault, "start" | "end">): YamlSpan {
  const places = placesOf(file, whole, text);
  const start = places?.[piece.start];
  const last = places?.[piece.end - 1];
  if (start === undefined) return whole;
  return { start, end: (last ?? start) + 1 };
}

/** The offset of each character of a text, and of the place behind it; null when it does not stand there letter by letter. */
function placesOf(file: string, whole: YamlSpan, text: string): readonly number[] | null {
  const header = /^[|>][-+0-9]*[^\n]*\n/.exec(file.slice(whole.start, whole.end))?.[0].length ?? 0;
  // In quotes it begins one character later.
  for (const begin of header > 0 ? [whole.start + header] : [whole.start, whole.start + 1]) {
    const places = walk(file, begin, whole.end, text);
    if (places !== null) return places;
  }
  return null;
}

function walk(file: string, begin: number, end: number, text: string): readonly number[] | null {
  const places: number[] = [];
  let at = begin;
  for (const character of text.split("")) {
    if (!isSpace(character)) {
      while (at < end && isSpace(file[at])) at++;
      if (file[at] !== character) return null;
    }
    places.push(at);
    if (at < end) at++;
  }
  return [...places, at];
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && /\s/.test(character);
}
