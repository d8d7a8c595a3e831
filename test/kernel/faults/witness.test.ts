// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { faultsOf, kindNames } from "./witness.ts";

/** The first two kinds are judged; all others are dropped by both chains. */
const passing = (...kinds: readonly number[]) => kindNames.map((_, kind) => kinds.includes(kind));
const heard = (...numbers: readonly (readonly number[])[]) => kindNames.map((_, kind) => numbers[kind] ?? []);

test("faultsOf() finds nothing where each round met one chain, wherever the switch was", (t) => {
  t.deepEqual(faultsOf(heard([0, 1], [2, 3]), 4, passing(0), passing(1), "none"), []);
  t.deepEqual(faultsOf(heard([0, 1, 2, 3]), 4, passing(0), passing(1), "none"), []);
});

test("faultsOf() tells what both chains drop, what both pass, and rounds that met half of each", (t) => {
  const [first = "", second = ""] = kindNames;

  t.deepEqual(faultsOf(heard([1]), 2, passing(), passing(), "none"), [`${first}: both chains drop it, 1 passed`]);
  t.deepEqual(faultsOf(heard([0, 2]), 3, passing(0), passing(0), "none"), [`${first}: both chains pass it, 1 of 3 were lost: 1`]);
  t.deepEqual(faultsOf(heard([0, 1], [1]), 2, passing(0), passing(1), "none"), [`round 1: ${first} passed, ${second} passed`]);
  t.deepEqual(faultsOf(heard([0], []), 2, passing(0), passing(1), "none"), [`round 1: ${first} dropped, ${second} dropped`]);
});

test("faultsOf() allows losses where the driver is made anew, and passing where the chain is away", (t) => {
  t.deepEqual(faultsOf(heard([0]), 2, passing(0), passing(0), "lossy"), []);
  t.is(faultsOf(heard([0]), 2, passing(), passing(), "lossy").length, 1);
  t.deepEqual(faultsOf(heard([0]), 2, passing(), passing(), "open"), []);
});
