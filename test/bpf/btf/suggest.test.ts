// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { listWords, suggest } from "../../../bpf/btf/suggest.ts";

test("suggest() names the nearest word, if it is near", (t) => {
  t.is(suggest("GREN", ["RED", "GREEN"]), 'did you mean "GREEN"?');
  t.is(suggest("green", ["RED", "GREEN"]), 'did you mean "GREEN"?');
  t.is(suggest("purple", ["RED", "GREEN"]), null);
  t.is(suggest("x", []), null);
});

test("listWords() quotes words, eight at most", (t) => {
  t.is(listWords([]), "nothing");
  t.is(listWords(["a"]), '"a"');
  t.is(listWords(["a", "b", "c"]), '"a", "b" or "c"');
  t.is(listWords(Array.from("abcdefghi")), '"a", "b", "c", "d", "e", "f", "g", "h", …');
});
