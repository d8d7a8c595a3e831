// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { weighSet } from "../../../reconciler/4-plan/set-cost.ts";

const atTheBoundary = test.macro<[entries: number, changes: number]>({
  title: (_, entries, changes) => `weighSet() builds ${entries} entries beside from ${changes} changes on`,
  exec(t, entries, changes) {
    t.true(weighSet(entries, changes).replaces);
    t.false(weighSet(entries, changes - 1).replaces);
  },
});

// A load costs as much as 100,000 entries, and the whole may cost four times what the keys would.
test(atTheBoundary, 0, 25_000);
test(atTheBoundary, 100_000, 50_000);
test(atTheBoundary, 1_000_000, 275_000);

test("weighSet() estimates both ways in seconds", (t) => {
  t.deepEqual(weighSet(1_000_000, 2_000_000), { beside: 1.1, byKey: 2, replaces: true });
});
