// SPDX-License-Identifier: Apache-2.0
import { jumps } from "../asm/opcodes.ts";
import type { Test } from "./decisions.ts";
import { calculate, type Term } from "./terms.ts";

/** What is known of a packet where control has come to. Never changed, only made anew. */
export interface Facts {
  /** Ids of loads that have been done, so that the packet has those bytes. */
  readonly loaded: ReadonlySet<string>;
  /** By the id of a term. */
  readonly values: ReadonlyMap<string, Value>;
  /** Outcomes of other comparisons than for equality, by testId(). */
  readonly outcomes: ReadonlyMap<string, boolean>;
}

type Value = { readonly is: number } | { readonly isNot: ReadonlySet<number> };

export const nothingKnown: Facts = { loaded: new Set(), values: new Map(), outcomes: new Map() };

export function withLoads(facts: Facts, loads: readonly Term[]): Facts {
  if (loads.every(({ id }) => facts.loaded.has(id))) return facts;
  return { ...facts, loaded: new Set([...facts.loaded, ...loads.map(({ id }) => id)]) };
}

export function withOutcome(facts: Facts, test: Test, outcome: boolean): Facts {
  const { comparison, term, k } = test;
  if (comparison !== jumps.eq) return { ...facts, outcomes: new Map(facts.outcomes).set(testId(test), outcome) };
  const known = facts.values.get(term.id);
  const value: Value = outcome ? { is: k } : { isNot: new Set(known !== undefined && "isNot" in known ? known.isNot : []).add(k) };
  return { ...facts, values: new Map(facts.values).set(term.id, value) };
}

/** How a test comes out, or null when that is not known. */
export function outcomeOf(facts: Facts, test: Test): boolean | null {
  const value = valueOf(facts, test.term);
  if (value !== null) return compare(test.comparison, value, test.k);
  const known = facts.values.get(test.term.id);
  if (test.comparison === jumps.eq) return known !== undefined && "isNot" in known && known.isNot.has(test.k) ? false : null;
  return facts.outcomes.get(testId(test)) ?? null;
}

/** What is known on both of two ways. */
export function meet(one: Facts, other: Facts): Facts {
  if (one === other) return one;
  const values = new Map<string, Value>();
  for (const [id, value] of one.values) {
    const second = other.values.get(id);
    const both = second === undefined ? null : meetValues(value, second);
    if (both !== null) values.set(id, both);
  }
  return {
    loaded: new Set([...one.loaded].filter((id) => other.loaded.has(id))),
    values,
    outcomes: new Map([...one.outcomes].filter(([id, outcome]) => other.outcomes.get(id) === outcome)),
  };
}

function meetValues(one: Value, other: Value): Value | null {
  if ("is" in one) {
    if ("is" in other) return one.is === other.is ? one : null;
    return meetValues(other, one);
  }
  const isNot = new Set([...one.isNot].filter((k) => ("is" in other ? other.is !== k : other.isNot.has(k))));
  return isNot.size === 0 ? null : { isNot };
}

function valueOf(facts: Facts, term: Term): number | null {
  if (term.kind === "number") return term.k;
  const known = facts.values.get(term.id);
  if (known !== undefined && "is" in known) return known.is;
  if (term.kind !== "operation") return null;
  const inner = valueOf(facts, term.of);
  return inner === null ? null : calculate(term.operation, inner, term.k);
}

function compare(comparison: number, value: number, k: number): boolean {
  switch (comparison) {
    case jumps.eq:
      return value === k;
    case jumps.gt:
      return value > k;
    case jumps.ge:
      return value >= k;
    default:
      return (value & k) !== 0;
  }
}

function testId({ comparison, term, k }: Test): string {
  return `${term.id} ${comparison} ${k}`;
}
