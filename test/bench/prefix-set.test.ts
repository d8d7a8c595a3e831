// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { anotherPrefix, disjointPrefixes } from "./prefix-set.ts";

test("disjointPrefixes() overlap neither one another nor anotherPrefix()", (t) => {
  const count = 20_000;
  const set = [...disjointPrefixes(count), anotherPrefix(count)];

  const networks = new Set(set.map((prefix) => prefix.split(".").slice(0, 3).join(".")));
  const lengths = new Set(set.map((prefix) => Number(prefix.split("/")[1])));

  t.is(networks.size, count + 1);
  t.deepEqual(
    [...lengths].sort((a, b) => a - b),
    [24, 25, 26, 27, 28, 29, 30, 31, 32],
  );
});
