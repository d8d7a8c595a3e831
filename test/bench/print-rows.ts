// SPDX-License-Identifier: Apache-2.0
import { isMissed, type Row, type Unit } from "./subject.ts";

/** A table of rows: what, how much, what was promised, whether it is kept. */
export function printRows(title: string, rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.what, printValue(row.value, row.unit), printTarget(row), verdict(row), row.note ?? ""]);
  const table = [["", "measured", "target", "", ""], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  const lines = table.map((line) => `  ${printLine(line, widths)}`.trimEnd());
  return [title, ...lines].join("\n");
}

/** "12.3 ms", "1,200 ms", "0.87 ×": three digits that count. */
export function printValue(value: number, unit: Unit): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const number = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === "" ? number : `${number} ${unit}`;
}

function printLine(line: readonly string[], widths: readonly number[]): string {
  const [what = "", value = "", target = "", kept = "", note = ""] = line;
  const [first = 0, second = 0, third = 0, fourth = 0] = widths;
  return [what.padEnd(first), value.padStart(second), target.padStart(third), kept.padEnd(fourth), note].join("  ");
}

function printTarget({ target, unit }: Row): string {
  return target === null ? "" : `≤ ${printValue(target, unit)}`;
}

function verdict(row: Row): string {
  if (row.target === null) return "";
  return isMissed(row) ? "missed" : "met";
}
