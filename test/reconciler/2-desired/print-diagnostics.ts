// SPDX-License-Identifier: Apache-2.0
import type { Diagnostic } from "../../../reconciler/model/diagnostic.ts";

export function printDiagnostics(diagnostics: readonly Diagnostic[], _options: { readonly color: boolean }): string {
  return diagnostics
    .map(({ severity, code, message, at, length, snippet, hint }) => {
      const lines = [`${at.file}:${at.line}:${at.column}: ${severity}: ${message} [${code}]`];
      if (snippet !== null) lines.push(`    ${snippet}`, `    ${" ".repeat(at.column - 1)}${"^".repeat(length)}`);
      if (hint !== null) lines.push(`    hint: ${hint}`);
      return `${lines.join("\n")}\n`;
    })
    .join("");
}
