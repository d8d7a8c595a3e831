// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";
import type { Diagnostic } from "../model/diagnostic.ts";
import { sanitise } from "./sanitise.ts";
import { plural } from "./summarise-plan.ts";

/** More than anybody reads at once; a list file can have a million bad lines. */
const mostShown = 100;

/** Widest part of a line that is shown around the place in question. */
const widestSnippet = 110;

/**
 * What is wrong with a policy, each with its place, its line, a mark under what it is about, and the hint. Ends with a count and a
 * line break; "" when there is nothing to say.
 */
export function printDiagnostics(diagnostics: readonly Diagnostic[], options: { readonly color: boolean }): string {
  if (diagnostics.length === 0) return "";
  const paint = picocolors.createColors(options.color);
  const shown = diagnostics.slice(0, mostShown).map((diagnostic) => printOne(diagnostic, paint));
  const left = diagnostics.length - shown.length;
  const more = left === 0 ? [] : [`… and ${left} more\n`];
  return [...shown, ...more, `${paint.bold(countDiagnostics(diagnostics))}\n`].join("\n");
}

/** The same for machines, complete. */
export function diagnosticsToJson(diagnostics: readonly Diagnostic[]): DiagnosticsJson {
  const { errors, warnings } = count(diagnostics);
  return { format: "1.0", kind: "diagnostics", valid: errors === 0, summary: { errors, warnings }, diagnostics };
}

export interface DiagnosticsJson {
  readonly format: "1.0";
  readonly kind: "diagnostics";
  readonly valid: boolean;
  readonly summary: { readonly errors: number; readonly warnings: number };
  readonly diagnostics: readonly Diagnostic[];
}

/** "3 errors, 1 warning". */
export function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const { errors, warnings } = count(diagnostics);
  const parts = [errors > 0 ? plural(errors, "error") : "", warnings > 0 ? plural(warnings, "warning") : ""];
  return parts.filter((part) => part !== "").join(", ");
}

type Paint = ReturnType<typeof picocolors.createColors>;

function printOne(diagnostic: Diagnostic, paint: Paint): string {
  const { at, message, severity, hint } = diagnostic;
  const place = paint.bold(`${sanitise(at.file)}:${at.line}:${at.column}:`);
  const mark = severity === "error" ? paint.red("error:") : paint.yellow("warning:");
  const help = hint === null ? "" : `    ${paint.cyan("hint:")} ${sanitise(hint)}\n`;
  return `${place} ${mark} ${sanitise(message)}\n${printSnippet(diagnostic, paint)}${help}`;
}

/** The line as it is, but for control characters; tabs become one blank, so that the mark stays below. */
function printSnippet({ at, length, snippet, severity }: Diagnostic, paint: Paint): string {
  if (snippet === null) return "";
  const start = Math.min(at.column - 1, snippet.length);
  const skipped = start > 60 ? start - 40 : 0;
  const before = show(snippet.slice(skipped, start));
  const marked = show(snippet.slice(start, Math.min(start + length, skipped + widestSnippet)));
  const after = show(snippet.slice(start + length, skipped + widestSnippet));
  const dots: readonly [string, string] = [skipped > 0 ? "…" : "", snippet.length > skipped + widestSnippet ? "…" : ""];
  const number = String(at.line).padStart(6);
  const color = severity === "error" ? paint.red : paint.yellow;
  const under = `${" ".repeat(columns(dots[0] + before))}${color("^".repeat(Math.max(1, columns(marked))))}`;
  return `${paint.dim(`${number} │`)} ${dots[0]}${before}${marked}${after}${dots[1]}\n${paint.dim(`${" ".repeat(6)} │`)} ${under}\n`;
}

function show(text: string): string {
  return sanitise(text.replaceAll("\t", " "));
}

function columns(text: string): number {
  return Array.from(text).length;
}

function count(diagnostics: readonly Diagnostic[]): { readonly errors: number; readonly warnings: number } {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  return { errors, warnings: diagnostics.length - errors };
}
