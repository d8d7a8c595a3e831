// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { repeats } from "../../../reconciler/6-report/repeats.ts";

const told = ['Cannot load step "a" of eth0/xdp: the verifier refused it at instruction 4: R1 is no pointer', "no space left"];

for (const message of [
  "no space left",
  "R1 is no pointer",
  'Cannot load "a": the verifier refused it at instruction 4: R1 is no pointer',
  "the verifier refused it at instruction 4",
]) {
  test(`repeats() knows "${message}"`, (t) => {
    t.true(repeats(told, message));
  });
}

for (const message of ["no space", "R2 is no pointer", 'Cannot load "a": out of memory', "step"]) {
  test(`repeats() finds "${message}" worth telling`, (t) => {
    t.false(repeats(told, message));
  });
}

test("repeats() has heard nothing at first", (t) => {
  t.false(repeats([], "no space left"));
});
