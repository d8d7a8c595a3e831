// SPDX-License-Identifier: Apache-2.0

/** Numbers over two or more dimensions. */
export interface Table {
  readonly title: string;
  readonly unit: string;
  /** Names of the first cells of each line. */
  readonly by: readonly string[];
  readonly columns: readonly string[];
  readonly lines: readonly Line[];
  readonly notes: readonly string[];
  /** Drawn as well when it is published: its columns are lines over the last of `by`. */
  readonly charted?: true;
}

export interface Line {
  /** As many as `by`. */
  readonly labels: readonly string[];
  /** As many as `columns`; null where there is nothing to measure. */
  readonly values: readonly (number | null)[];
}

/** The table as text, the numbers below their columns. */
export function printTable({ title, unit, by, columns, lines, notes }: Table): string {
  const cells = [
    [...by, ...columns],
    ...lines.map(({ labels, values }) => [...labels, ...values.map((value) => (value === null ? "-" : value.toFixed(1)))]),
  ];
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  const print = (line: readonly string[]) =>
    line
      .map((cell, column) => (column < by.length ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [`${title}, ${unit}`, ...cells.map(print), ...notes].join("\n  ");
}
