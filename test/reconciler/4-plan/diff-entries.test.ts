// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { type Entries, entryAt } from "../../../bpf/kernel/entries.ts";
import { diffEntries, fillEntries } from "../../../reconciler/4-plan/diff-entries.ts";
import { desiredMap } from "../policy-builders.ts";

type Pairs = readonly (readonly [number, number])[];
type Sorted = Record<string, number>;

const asObject = (entries: Entries): Sorted =>
  Object.fromEntries(
    Array.from({ length: entries.count }, (_, index) => {
      const [key, value] = entryAt(entries, index);
      return [String(key[0]), value[0] ?? 0];
    }),
  );
const found = (pairs: Pairs, type = "hash"): Entries => desiredMap({ name: "m", type, entries: pairs }).entries;
const keys = (bytes: readonly number[]) => Uint8Array.from(bytes);

test("diffEntries() is null when the map holds what the policy says", (t) => {
  const map = desiredMap({
    name: "m",
    content: "whole",
    entries: [
      [1, 10],
      [2, 20],
    ],
  });

  t.is(
    diffEntries(
      map,
      found([
        [2, 20],
        [1, 10],
      ]),
      null,
    ),
    null,
  );
});

test("diffEntries() writes one key when one value differs", (t) => {
  const map = desiredMap({
    name: "m",
    content: "whole",
    entries: [
      [1, 10],
      [2, 21],
    ],
  });

  const diff = diffEntries(
    map,
    found([
      [1, 10],
      [2, 20],
    ]),
    null,
  );

  t.deepEqual(asObject(diff?.puts as Entries), { 2: 21 });
  t.deepEqual(asObject(diff?.before as Entries), { 2: 20 });
  t.is(diff?.deletes.count, 0);
  t.is(diff?.absent.count, 0);
});

test("diffEntries() deletes what a whole map should not hold, and remembers it", (t) => {
  const map = desiredMap({ name: "m", content: "whole", entries: [[3, 30]] });

  const diff = diffEntries(map, found([[1, 10]]), null);

  t.deepEqual([...(diff?.deletes.keys ?? [])], [1]);
  t.deepEqual(asObject(diff?.before as Entries), { 1: 10 });
  t.deepEqual([...(diff?.absent.keys ?? [])], [3]);
});

test("diffEntries() leaves keys alone that were never the policy's", (t) => {
  const map = desiredMap({ name: "m", content: "keys", entries: [[3, 30]] });

  t.is(
    diffEntries(
      map,
      found([
        [1, 10],
        [3, 30],
      ]),
      null,
    ),
    null,
  );
});

test("diffEntries() deletes a key that the policy had and no longer names", (t) => {
  const map = desiredMap({ name: "m", content: "keys", entries: [[3, 30]] });

  const diff = diffEntries(
    map,
    found([
      [1, 10],
      [2, 20],
      [3, 30],
    ]),
    keys([2, 3]),
  );

  t.deepEqual([...(diff?.deletes.keys ?? [])], [2]);
  t.is(diff?.puts.count, 0);
});

test("diffEntries() takes a missing entry of an array for zeros", (t) => {
  const map = desiredMap({
    name: "m",
    type: "array",
    content: "keys",
    entries: [
      [0, 0],
      [1, 5],
    ],
  });

  t.is(
    diffEntries(
      map,
      found(
        [
          [0, 0],
          [1, 5],
          [2, 0],
        ],
        "array",
      ),
      null,
    ),
    null,
  );
});

test("diffEntries() sets an entry of an array back to the zeros of the policy", (t) => {
  const map = desiredMap({ name: "m", type: "array", content: "keys", entries: [[0, 0]] });

  const diff = diffEntries(
    map,
    found(
      [
        [0, 7],
        [1, 9],
      ],
      "array",
    ),
    null,
  );

  t.is(diff?.deletes.count, 1);
  t.is(diff?.deletes.keys[0], 0);
});

test("fillEntries() writes everything, or the initial value of a map of variables", (t) => {
  const whole = desiredMap({ name: "m", content: "whole", entries: [[1, 10]] });
  const data = { ...desiredMap({ name: ".data", type: "array" }), initial: Uint8Array.of(42) };

  t.deepEqual(asObject(fillEntries(whole)?.puts as Entries), { 1: 10 });
  t.deepEqual(asObject(fillEntries(data)?.puts as Entries), { 0: 42 });
  t.is(fillEntries(desiredMap({ name: "m" })), null);
});

const pairs = fc.uniqueArray(fc.tuple(fc.nat(20), fc.nat(3)), { selector: ([key]) => key });

test("diffEntries() brings any map to any policy with the fewest writes, and its inverse brings it back", (t) => {
  fc.assert(
    fc.property(pairs, pairs, (before, after) => {
      const diff = diffEntries(desiredMap({ name: "m", content: "whole", entries: after }), found(before), null);
      const start = Object.fromEntries(before);
      const goal = Object.fromEntries(after);
      if (diff === null) {
        t.deepEqual(start, goal);
        return;
      }

      const reached = write(start, asObject(diff.puts), [...diff.deletes.keys]);
      const back = write(reached, asObject(diff.before), [...diff.absent.keys]);

      t.deepEqual(reached, goal);
      t.deepEqual(back, start);
      const touched = new Set([...Object.keys(start), ...Object.keys(goal)].filter((key) => start[key] !== goal[key]));
      t.is(diff.puts.count + diff.deletes.count, touched.size);
    }),
  );
});

function write(map: Sorted, puts: Sorted, deletes: readonly number[]): Sorted {
  const kept = Object.entries(map).filter(([key]) => !deletes.includes(Number(key)));
  return { ...Object.fromEntries(kept), ...puts };
}
