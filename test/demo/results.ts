// SPDX-License-Identifier: Apache-2.0
import { printTable } from "../../reconciler/cli/table.ts";
import { type FlowCount, sumOf, type Tally, unwanted } from "./flows.ts";

/** What was measured, and whether it was what was promised. */
export interface Results {
  /** A number that nothing is promised of. */
  measured(what: string, value: string): void;
  /** A number with a promise; `kept` says whether it was. */
  expect(what: string, value: string, promise: string, kept: boolean): void;
  /** The promise of a chain that works: nothing unwanted arrives, and all of the customer's packets do. */
  expectGuarded(when: string, tally: Tally): void;
  /** Promises that were not kept, as sentences. */
  broken(): readonly string[];
  table(): string;
}

export function createResults(): Results {
  const rows: { readonly cells: readonly string[]; readonly kept: boolean }[] = [];
  const add = (what: string, value: string, promise: string, kept: boolean) => void rows.push({ cells: [what, value, promise], kept });
  return {
    measured: (what, value) => add(what, value, "", true),
    expect: add,
    expectGuarded(when, tally) {
      const bad = sumOf(tally, unwanted);
      const lost = lostOf(tally);
      add(`${when}: unwanted packets that arrived`, arrivedOf(bad), "0", bad.sent > 0 && bad.arrived === 0);
      const { sent } = tally.flows.customer;
      add(`${when}: the customer's packets lost`, arrivedOf({ sent, arrived: lost }), "0", sent > 0 && lost === 0);
    },
    broken: () => rows.filter(({ kept }) => !kept).map(({ cells: [what, value, promise] }) => `${what}: ${value}, expected ${promise}`),
    table() {
      const cells = rows.map(({ cells: [what = "", value = "", promise = ""], kept }) => [what, value, promise, verdict(promise, kept)]);
      return printTable(["MEASURED", "", "PROMISED", ""], cells, { width: null, right: [1] });
    },
  };
}

/** "1,234". */
export function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** "4 of 1,234". */
export function arrivedOf({ sent, arrived }: FlowCount): string {
  return `${number(arrived)} of ${number(sent)}`;
}

export function milliseconds(value: number): string {
  return `${number(Math.round(value))} ms`;
}

/** What the receiver had no time for was not lost on the way. */
function lostOf({ flows: { customer }, missed }: Tally): number {
  return Math.max(0, customer.sent - customer.arrived - missed);
}

function verdict(promise: string, kept: boolean): string {
  if (promise === "") return "";
  return kept ? "yes" : "NO";
}
