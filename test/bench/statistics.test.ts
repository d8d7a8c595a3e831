// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { interleave, median, percentile } from "./statistics.ts";

test("median() is the middle, or the mean of the two in the middle", (t) => {
  t.is(median([9, 1, 5]), 5);
  t.is(median([4, 1, 2, 3]), 2.5);
  t.throws(() => median([]), { instanceOf: RangeError });
});

test("percentile() is a value that was measured", (t) => {
  const values = Array.from({ length: 50 }, (_, index) => 50 - index);

  t.deepEqual(
    [50, 95, 100].map((percent) => percentile(values, percent)),
    [25, 48, 50],
  );
  t.is(percentile([7], 50), 7);
});

test("interleave() lets every candidate be first in turn", async (t) => {
  const order: string[] = [];
  const candidate = (name: string) => async () => order.push(name);

  const values = await interleave(2, { a: candidate("a"), b: candidate("b") });

  t.deepEqual(order, ["a", "b", "b", "a"]);
  t.deepEqual(values, { a: [1, 4], b: [2, 3] });
});
