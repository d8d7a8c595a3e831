// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { lineReader } from "../../../reconciler/2-desired/list-lines.ts";

test("lineReader() gives single lines of a file, without their ends", (t) => {
  const line = lineReader((path) => (path === "a" ? new TextEncoder().encode("one\r\ntwo\n\nfour") : null));

  t.deepEqual(
    [1, 2, 3, 4, 5].map((number) => line("a", number)),
    ["one", "two", "", "four", null],
  );
  t.is(line("b", 1), null);
});

test("lineReader() cuts lines that nobody would read", (t) => {
  const line = lineReader(() => new Uint8Array(10_000).fill(0x61));

  t.is(line("a", 1)?.length, 400);
});
