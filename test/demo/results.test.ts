// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { type FlowCount, perFlow, type Tally } from "./flows.ts";
import { createResults } from "./results.ts";

const tally = (arrived: Partial<Record<string, number>>, missed = 0): Tally => ({
  flows: perFlow(({ name }): FlowCount => ({ sent: 1_000, arrived: arrived[name] ?? 0 })),
  missed,
});

test("results say which promises were not kept", (t) => {
  const results = createResults();

  results.measured("Something", "12 ms");
  results.expect("Kept", "3", "at least 2", true);
  results.expect("Broken", "1", "at least 2", false);

  t.deepEqual(results.broken(), ["Broken: 1, expected at least 2"]);
  t.is(
    results.table(),
    ["MEASURED          PROMISED", "Something  12 ms", "Kept           3  at least 2  yes", "Broken         1  at least 2  NO", ""].join(
      "\n",
    ),
  );
});

test("a chain works when nothing unwanted arrives and the customer loses nothing", (t) => {
  const results = createResults();

  results.expectGuarded("Load", tally({ customer: 1_000, newcomer: 500 }));

  t.deepEqual(results.broken(), []);
});

test("one unwanted packet, or one lost one, breaks the promise", (t) => {
  const results = createResults();

  results.expectGuarded("Load", tally({ customer: 999, reflection: 1 }));

  t.deepEqual(results.broken(), [
    "Load: unwanted packets that arrived: 1 of 3,000, expected 0",
    "Load: the customer's packets lost: 1 of 1,000, expected 0",
  ]);
});

test("what the receiver had no time to read was not lost", (t) => {
  const results = createResults();

  results.expectGuarded("Load", tally({ customer: 990 }, 10));

  t.deepEqual(results.broken(), []);
});

test("nothing sent proves nothing", (t) => {
  const results = createResults();

  results.expectGuarded("Load", { flows: perFlow(() => ({ sent: 0, arrived: 0 })), missed: 0 });

  t.is(results.broken().length, 2);
});
