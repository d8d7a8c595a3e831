// SPDX-License-Identifier: Apache-2.0
import type { Table } from "./table.ts";

/** One thing that `npm run bench` measures; it makes what it needs and leaves nothing. */
export interface Subject {
  /** What selects it on the command line. */
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<readonly Row[]>;
}

/** What a subject measures in. The process is in namespaces of its own. */
export interface Bench {
  /** Fewer rounds and smaller sets: to see that the benchmarks work, not what they say. */
  readonly quick: boolean;
  /** An empty folder, gone afterwards. */
  readonly folder: string;
  /** One line of progress. */
  say(text: string): void;
  /** Numbers over several dimensions, printed and written with the rows. */
  show(table: Table): void;
}

/** One measured number. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  /** The most it may be; null where it is only there to compare with. */
  readonly target: number | null;
  /** How it was measured, where that is not plain. */
  readonly note: string | null;
}

export type Unit = "ns" | "µs" | "ms" | "s" | "MB" | "%" | "×" | "";

/** True when there is a target and it is not reached. */
export function isMissed({ value, target }: Row): boolean {
  return target !== null && !(value <= target);
}

/** A number to compare with. */
export function fact(what: string, value: number, unit: Unit, note: string | null = null): Row {
  return { what, value, unit, target: null, note };
}

/** A number that design and README promise to stay at or below `target`. */
export function promise(what: string, value: number, unit: Unit, target: number, note: string | null = null): Row {
  return { what, value, unit, target, note };
}
