// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { printAge, printDuration, printTime } from "../../../reconciler/cli/print-time.ts";
import { shortRevision } from "../../../reconciler/cli/short-revision.ts";
import { columnsOf, cut, printTable } from "../../../reconciler/cli/table.ts";

test("printTable() aligns columns, numbers to the right, without trailing blanks", (t) => {
  const text = printTable(
    ["NAME", "N", "NOTE"],
    [
      ["a", "1", ""],
      ["longer", "22", "x"],
    ],
    { width: null, right: [1] },
  );

  t.is(text, "NAME     N  NOTE\na        1\nlonger  22  x\n");
});

test("printTable() of no rows is nothing", (t) => {
  t.is(printTable(["NAME"], [], { width: null }), "");
});

test("printTable() cuts the widest cells where the terminal is narrow", (t) => {
  const text = printTable(["A", "B"], [["x".repeat(30), "y".repeat(12)]], { width: 24 });

  t.is(text, `A            B\n${"x".repeat(10)}…  ${"y".repeat(10)}…\n`);
});

test("printTable() never goes beyond the width that its columns can have", (t) => {
  const rows = fc.array(fc.tuple(fc.string(), fc.string(), fc.string()), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(rows, fc.integer({ min: 30, max: 120 }), (cells, width) => {
      const clean = cells.map((row) => row.map((cell) => cell.replace(/\n/g, " ")));
      for (const line of printTable(["A", "B", "C"], clean, { width }).split("\n")) t.true(columnsOf(line) <= width);
    }),
  );
});

test("printTable() paints cells after they are padded", (t) => {
  const paint = (cell: string, row: number, column: number) => (row === 0 && column === 0 ? `<${cell}>` : cell);

  t.is(printTable(["NAME", "B"], [["a", "b"]], { width: null, paint }), "NAME  B\n<a   >  b\n");
});

test("columnsOf() counts wide characters twice, and cut() does not split them", (t) => {
  t.is(columnsOf("日本"), 4);
  t.is(cut("日本語", 5), "日本…");
  t.is(cut("short", 5), "short");
});

test("printAge() and printDuration() take the biggest unit that says enough", (t) => {
  t.deepEqual([-5, 14_000, 200_000, 8_000_000, 200_000_000].map(printAge), ["0 s", "14 s", "3 min", "2 h", "2 d"]);
  t.deepEqual([0.4, 38, 4200, 200_000].map(printDuration), ["0 ms", "38 ms", "4.2 s", "3 min"]);
});

test("printTime() is UTC to the second, and leaves what is no time", (t) => {
  t.is(printTime("2026-11-20T10:26:12.345+01:00"), "2026-11-20 09:26:12Z");
  t.is(printTime("never"), "never");
});

test("shortRevision() keeps eight digits of a commit and all of a folder", (t) => {
  const digest = "7c1e4f2a".repeat(5);
  t.is(shortRevision(`main@sha1:${digest}`), "main@7c1e4f2a");
  t.is(shortRevision(`sha1:${digest}`), "7c1e4f2a");
  t.is(shortRevision("dir:/srv/policy"), "dir:/srv/policy");
  t.is(shortRevision("evil\x1b[2J"), "evil\\x1b[2J");
});
