// SPDX-License-Identifier: Apache-2.0
import type { Range } from "../shared/numbers.ts";
import type { Rule } from "./rule.ts";

/** Rows of `range_first` and `range_rules` in the object. */
export const rangeRows = 512;

/** Where a field's table lies; without rows no rule asks about the field. */
export interface Table {
  readonly start: number;
  readonly rows: number;
}

export interface Tables {
  readonly sport: Table;
  readonly dport: Table;
  readonly vlan: Table;
  readonly protocol: Table;
  /** Row i holds from the value first[i] to before first[i + 1]. May be longer than `rangeRows`: then the rules do not fit. */
  readonly first: readonly number[];
  readonly rules: readonly bigint[];
}

const noTable: Table = { start: 0, rows: 0 };

/** Cuts every field's values at the borders of the rules' ranges; between two borders the same rules match. */
export function buildTables(rules: readonly Rule[]): Tables {
  const first: number[] = [];
  const words: bigint[] = [];
  const add = (ranges: readonly (readonly Range[] | null)[]): Table => {
    if (ranges.every((range) => range === null)) return noTable;
    const rows = cut(ranges);
    const table = { start: first.length, rows: rows.length };
    first.push(...rows.map((row) => row.first));
    words.push(...rows.map((row) => row.rules));
    return table;
  };
  const sport = add(rules.map((rule) => rule.sport));
  const dport = add(rules.map((rule) => rule.dport));
  const vlan = add(rules.map((rule) => rule.vlan));
  const protocol = add(rules.map((rule) => rule.protocols?.map((number) => ({ first: number, last: number })) ?? null));
  return { sport, dport, vlan, protocol, first, rules: words };
}

/** A word with the bit of every rule that fulfils the condition. */
export function ruleWord(rules: readonly Rule[], condition: (rule: Rule) => boolean): bigint {
  return rules.reduce((word, rule, index) => (condition(rule) ? word | (1n << BigInt(index)) : word), 0n);
}

interface Row {
  readonly first: number;
  readonly rules: bigint;
}

function cut(ranges: readonly (readonly Range[] | null)[]): readonly Row[] {
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

function matching(ranges: readonly (readonly Range[] | null)[], value: number): bigint {
  let word = 0n;
  ranges.forEach((some, index) => {
    if (some === null || some.some(({ first, last }) => first <= value && value <= last)) word |= 1n << BigInt(index);
  });
  return word;
}
