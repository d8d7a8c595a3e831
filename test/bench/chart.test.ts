// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { drawChart } from "./chart.ts";
import { printTable, type Table } from "./table.ts";

const table: Table = {
  title: "Time",
  unit: "ns",
  by: ["filter", "steps"],
  columns: ["linked", "by hand"],
  lines: [
    { labels: ["count", "1"], values: [10, 9.5] },
    { labels: ["count", "10"], values: [40, null] },
    { labels: ["acl", "1"], values: [12, 11] },
    { labels: ["acl", "10"], values: [100, 90] },
  ],
  notes: ["floor: 8.0 ns"],
};

test("a table has its numbers below their columns", (t) => {
  t.is(
    printTable(table),
    [
      "Time, ns",
      "  filter  steps  linked  by hand",
      "  count   1        10.0      9.5",
      "  count   10       40.0        -",
      "  acl     1        12.0     11.0",
      "  acl     10      100.0     90.0",
      "  floor: 8.0 ns",
    ].join("\n"),
  );
});

test("a chart has a panel for each name, and a point for each number that there is", (t) => {
  const svg = drawChart(table);
  t.is(svg.match(/<polyline/g)?.length, 4);
  const points = [...svg.matchAll(/points="([^"]*)"/g)].map(([, text]) => (text as string).split(" ").length);
  t.deepEqual(points, [2, 1, 2, 2]);
  // The highest number of a panel, at the right end, lies on its topmost line.
  t.true(svg.includes(',84" fill'), svg);
  for (const text of ["count", "acl", "linked", "by hand", "steps", "ns"]) t.true(svg.includes(`>${text}</text>`), text);
});
