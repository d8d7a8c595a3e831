// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { didYouMean, oneOf, showValue, similarPath } from "../../../reconciler/2-desired/suggest.ts";

test("didYouMean() names what is near, and is silent about long words", (t) => {
  t.is(didYouMean("chian", ["mode", "chain"]), 'did you mean "chain"?');
  t.is(didYouMean("zebra", ["mode", "chain"]), null);
  t.is(didYouMean("x".repeat(81), ["x".repeat(80)]), null);
});

test("similarPath() compares names of files with the same endings", (t) => {
  const files = ["objects/pass.bpf.o", "objects/balancer.bpf.o", "lists/balancer.txt", "Makefile"];

  t.is(similarPath("./balanser.bpf.o", files), 'did you mean "objects/balancer.bpf.o"?');
  t.is(similarPath("./objects/nothing.bpf.o", files), null);
  t.is(similarPath("lists/balancr.txt", files), 'did you mean "lists/balancer.txt"?');
  t.is(similarPath("src/Makefil", files), 'did you mean "Makefile"?');
  t.is(similarPath(`${"x/".repeat(50)}Makefil`, files), null);
});

test("oneOf() joins words", (t) => {
  t.is(oneOf([]), "nothing");
  t.is(oneOf(["a"]), '"a"');
  t.is(oneOf(["a", "b", "c"]), '"a", "b" or "c"');
});

test("showValue() names values", (t) => {
  t.deepEqual([null, undefined, [1], {}, "x", 1n, true].map(showValue), ["nothing", "nothing", "a list", "a mapping", '"x"', "1", "true"]);
  t.is(showValue("y".repeat(61)), `"${"y".repeat(60)}…"`);
});
