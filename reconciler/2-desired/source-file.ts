// SPDX-License-Identifier: Apache-2.0
import type { Diagnostic } from "../model/diagnostic.ts";
import type { Origin } from "../model/origin.ts";

/** A text of the policy repository that diagnostics can point into. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** Offset of the first character of each line. */
  readonly lineStarts: readonly number[];
  /** Its lines may be shown: no step in it has a map with values that are sensitive. */
  readonly isQuotable: boolean;
}

/** What is wrong at a place of a file, before the file is known. Offsets count UTF-16 units; `end` is exclusive. */
export interface Complaint {
  readonly severity?: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly hint?: string | null;
  readonly start: number;
  readonly end: number;
}

/** Takes what is wrong; every check goes on after it. */
export type Report = (diagnostic: Diagnostic) => void;

/** Longer lines are cut: they are no policy anybody wrote by hand. */
const longestSnippet = 4000;

/** Prepares a text for pointing into it. */
export function sourceFile(path: string, text: string): SourceFile {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  // Also where it is no YAML yet; one line too few shown is no harm.
  return { path, text, lineStarts, isQuotable: !/\bsensitive["']?\s*:/.test(text) };
}

/** Line and column of an offset. */
export function originAt(file: SourceFile, offset: number): Origin {
  let low = 0;
  let high = file.lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((file.lineStarts[middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  return { file: file.path, line: low + 1, column: offset - (file.lineStarts[low] as number) + 1 };
}

/** A complaint as a diagnostic: located, with the line it is about. What spans lines is marked to the end of its first one. */
export function diagnose(file: SourceFile, complaint: Complaint): Diagnostic {
  const at = originAt(file, complaint.start);
  const line = lineText(file, at.line);
  const length = Math.min(complaint.end - complaint.start, line.length - (at.column - 1));
  return {
    severity: complaint.severity ?? "error",
    code: complaint.code,
    message: complaint.message,
    at,
    length: Math.max(1, length),
    snippet: at.column > longestSnippet || !file.isQuotable ? null : line.slice(0, longestSnippet),
    hint: complaint.hint ?? null,
  };
}

/** A diagnostic about a file that has no line to show: it is missing, or no text. */
export function diagnoseFile(path: string, code: string, message: string, hint: string | null = null): Diagnostic {
  return { severity: "error", code, message, at: { file: path, line: 1, column: 1 }, length: 1, snippet: null, hint };
}

function lineText(file: SourceFile, line: number): string {
  const start = file.lineStarts[line - 1] as number;
  const end = file.lineStarts[line];
  const text = end === undefined ? file.text.slice(start) : file.text.slice(start, end - 1);
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}
