// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { isAlreadySo } from "../../../bpf/kernel/already-so.ts";
import { type Entries, packEntries } from "../../../bpf/kernel/entries.ts";

/** Entries of one byte each. */
const of = (...pairs: readonly (readonly [number, number])[]): Entries =>
  packEntries(
    pairs.map(([key, value]) => [Uint8Array.of(key), Uint8Array.of(value)]),
    1,
    1,
  );
const held = of([1, 10], [2, 0]);

for (const [what, puts, deletes, so] of [
  ["nothing is asked for", of(), of(), true],
  ["it holds the value", of([1, 10]), of(), true],
  ["it holds another value", of([1, 11]), of(), false],
  ["it lacks the key", of([3, 10]), of(), false],
  ["what is to go is not there, or zero", of(), of([3, 0], [2, 0]), true],
  ["what is to go is there", of(), of([1, 0]), false],
  ["what is to go is put again", of([1, 10]), of([1, 0]), true],
] as const)
  test(`isAlreadySo() is ${so} when ${what}`, (t) => t.is(isAlreadySo(held, puts, deletes), so));
