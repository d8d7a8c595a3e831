// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { exit, mov64Imm } from "../../../bpf/asm/build.ts";
import { analyseBody } from "../../../bpf/chain/body.ts";
import { routeExits } from "../../../bpf/chain/exits.ts";

/** A body of this length with exits at these places. */
const withExits = (length: number, ...exits: readonly number[]) =>
  analyseBody(Array.from({ length }, (_, index) => (exits.includes(index) ? exit() : mov64Imm(0, 0))));

test("routeExits() leads every exit to the end of the body", (t) => {
  t.deepEqual(
    [...(routeExits(withExits(10, 3, 6, 9)) ?? [])],
    [
      [3, 10],
      [6, 10],
      [9, 10],
    ],
  );
});

test("routeExits() lets far exits hop over later ones, as far as they reach", (t) => {
  t.deepEqual(
    [...(routeExits(withExits(40, 2, 5, 12, 13, 24, 39), 15) ?? [])],
    [
      [2, 13],
      [5, 13],
      [12, 24],
      [13, 24],
      [24, 40],
      [39, 40],
    ],
  );
});

test("routeExits() gives up when no exit is in reach", (t) => {
  t.is(routeExits(withExits(40, 2, 30, 39), 15), null);
  t.deepEqual(
    [...(routeExits(withExits(20, 3, 19), 15) ?? [])],
    [
      [3, 19],
      [19, 20],
    ],
  );
});
