// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { printRows } from "./print-rows.ts";
import { fact, promise } from "./subject.ts";

test("printRows() says which targets are met, and that a number of nothing is not", (t) => {
  const rows = [
    fact("a fact", 1234.5, "ms"),
    promise("kept", 0.5, "×", 0.5, "just so"),
    promise("broken", 12.34, "ns", 5),
    promise("not measured", Number.NaN, "", 0),
  ];

  t.is(
    printRows("Title", rows),
    `Title
                measured    target
  a fact        1,235 ms
  kept            0.50 ×  ≤ 0.50 ×  met     just so
  broken         12.3 ns    ≤ 5 ns  missed
  not measured       NaN       ≤ 0  missed`,
  );
});
