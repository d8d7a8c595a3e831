// SPDX-License-Identifier: Apache-2.0
import type { Range } from "./numbers.ts";

/** Rows of `range_first` and `range_rules` in shared/rules.h. */
const rangeRows = 512;

/** Where a field's table lies; without rows no rule asks about the field. */
export interface Table {
  readonly start: number;
  readonly rows: number;
}

export interface Tables<Field extends string> {
  readonly tables: Readonly<Record<Field, Table>>;
  /** Row i holds from the value first[i] to before first[i + 1]. */
  readonly first: readonly number[];
  readonly rules: readonly bigint[];
  /** What stands in the way when the rules need more rows than there are; null when they fit. */
  readonly tooMany: string | null;
}

/** What each rule allows for a field; null where it states nothing. */
export type Column = readonly (readonly Range[] | null)[];

/** Cuts every field's values at the borders of the rules' ranges; between two borders the same rules match. */
export function buildTables<Field extends string>(columns: Readonly<Record<Field, Column>>): Tables<Field> {
  const first: number[] = [];
  const rules: bigint[] = [];
  const tables: Partial<Record<Field, Table>> = {};
  for (const [field, ranges] of Object.entries(columns) as [Field, Column][]) {
    const rows = ranges.every((range) => range === null) ? [] : cut(ranges);
    tables[field] = { start: rows.length === 0 ? 0 : first.length, rows: rows.length };
    first.push(...rows.map((row) => row.first));
    rules.push(...rows.map((row) => row.rules));
  }
  const tooMany = first.length > rangeRows ? `need ${first.length} ranges: expected at most ${rangeRows}` : null;
  return { tables: tables as Record<Field, Table>, first, rules, tooMany };
}

/** The globals of the ranges; the large arrays are only named when a rule needs them: what is not named stays out of manifests. */
export function rangeGlobals({ first, rules }: Tables<string>): Readonly<Record<string, unknown>> {
  return first.length > 0 ? { range_first: first, range_rules: rules } : {};
}

/** A word with the bit of every rule that fulfils the condition. */
export function ruleWord<Rule>(rules: readonly Rule[], condition: (rule: Rule) => boolean): bigint {
  return rules.reduce((word, rule, index) => (condition(rule) ? word | (1n << BigInt(index)) : word), 0n);
}

interface Row {
  readonly first: number;
  readonly rules: bigint;
}

function cut(ranges: Column): readonly Row[] {
  const borders = new Set([0]);
  for (const range of ranges.flatMap((some) => some ?? [])) {
    borders.add(range.first);
    if (range.last < 65535) borders.add(range.last + 1);
  }
  const rows: Row[] = [];
  for (const first of [...borders].sort((a, b) => a - b)) {
    const rules = matching(ranges, first);
    if (rows.at(-1)?.rules !== rules) rows.push({ first, rules });
  }
  return rows;
}

function matching(ranges: Column, value: number): bigint {
  return ruleWord(ranges, (some) => some === null || some.some(({ first, last }) => first <= value && value <= last));
}
