// SPDX-License-Identifier: Apache-2.0
import { sanitise } from "../6-report/sanitise.ts";
import { cut, printTable } from "./table.ts";
import type { Colors } from "./terminal.ts";

/** One thing that Sluice needs, or could use. */
export interface Check {
  readonly name: string;
  /** fail: Sluice cannot work. warn: something will not, or not so well. */
  readonly status: "ok" | "warn" | "fail";
  /** What was found, in a sentence. */
  readonly found: string;
  /** What to type or to change; null when nothing needs to. */
  readonly fix: string | null;
}

/** The checks as a table, then what to do, in order of need. */
export function printDoctor(checks: readonly Check[], options: { readonly width: number | null; readonly colors: Colors }): string {
  const { width, colors } = options;
  const paint = { ok: colors.green, warn: colors.yellow, fail: colors.red };
  const table = printTable(
    ["CHECK", "", "FOUND"],
    checks.map((check) => [check.name, check.status, sanitise(check.found)]),
    {
      width,
      paint: (cell, row, column) => {
        const check = checks[row];
        if (check === undefined) return colors.dim(cell);
        return column === 1 ? paint[check.status](cell) : cell;
      },
    },
  );
  const fixes = [...wanting(checks, "fail"), ...wanting(checks, "warn")].map(
    (check) => `  ${paint[check.status](cut(check.name, 24))}: ${sanitise(check.fix ?? check.found)}`,
  );
  const todo = fixes.length === 0 ? "" : `\nWhat to do\n${fixes.join("\n")}\n`;
  return `${table}${todo}\n${verdict(checks)}\n`;
}

/** The checks for machines. */
export function doctorToJson(host: string, checks: readonly Check[]): object {
  return { format: "1.0", kind: "doctor", host, works: works(checks), checks };
}

/** Whether everything that Sluice needs is there. */
export function works(checks: readonly Check[]): boolean {
  return checks.every((check) => check.status !== "fail");
}

function wanting(checks: readonly Check[], status: Check["status"]): readonly Check[] {
  return checks.filter((check) => check.status === status);
}

function verdict(checks: readonly Check[]): string {
  const failed = wanting(checks, "fail").length;
  const warned = wanting(checks, "warn").length;
  if (failed > 0) return `Sluice cannot work here: ${failed} of ${checks.length} checks failed`;
  return warned > 0 ? `Sluice works here, with ${warned === 1 ? "1 limit" : `${warned} limits`}` : "Sluice works here";
}
