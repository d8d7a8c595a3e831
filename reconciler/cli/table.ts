// SPDX-License-Identifier: Apache-2.0

export interface TableOptions {
  /** Columns of the terminal; null when nothing may be cut. */
  readonly width: number | null;
  /** Indexes of columns of numbers, aligned to the right. */
  readonly right?: readonly number[];
  /** Colours a padded cell; it must not change the width. */
  readonly paint?: (cell: string, row: number, column: number) => string;
}

/**
 * Rows under a heading, two spaces apart, without trailing blanks; "" for no rows. On a terminal that is too narrow the widest
 * columns lose the end of their longest cells ("…"), evenly; no cell gets shorter than eight columns.
 */
export function printTable(heading: readonly string[], rows: ReadonlyArray<readonly string[]>, options: TableOptions): string {
  if (rows.length === 0) return "";
  const all = [heading, ...rows];
  const natural = heading.map((_, column) => Math.max(...all.map((row) => columnsOf(row[column] ?? ""))));
  const widths = options.width === null ? natural : squeeze(natural, options.width);
  const lines = all.map((row, index) => {
    const cells = widths.map((width, column) => {
      const right = options.right?.includes(column) ?? false;
      const text = cut(row[column] ?? "", width);
      const cell = column === widths.length - 1 && !right ? text : pad(text, width, right);
      return options.paint === undefined ? cell : options.paint(cell, index - 1, column);
    });
    return cells.join("  ").replace(/ +$/, "");
  });
  return `${lines.join("\n")}\n`;
}

/** How many columns of a terminal a text takes. Wide characters count two. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += isWide(character.codePointAt(0) ?? 0) ? 2 : 1;
  return columns;
}

/** The text, or its beginning and "…" where it takes more columns than it may. */
export function cut(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let kept = "";
  let columns = 0;
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** "1 chain", "3 chains". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

const gap = 2;
const narrowest = 8;

/** Takes columns from the widest until everything fits, or everything is as narrow as it may get. */
function squeeze(natural: readonly number[], available: number): readonly number[] {
  const widths = [...natural];
  const room = available - gap * (widths.length - 1);
  while (sum(widths) > room) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest] ?? 0;
    if (width <= narrowest) break;
    widths[widest] = width - 1;
  }
  return widths;
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = " ".repeat(Math.max(0, width - columnsOf(text)));
  return right ? blanks + text : text + blanks;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** East Asian wide and full-width characters, and emoji: enough of UAX #11 for names and commit subjects. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}
