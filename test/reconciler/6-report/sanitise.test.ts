// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { sanitise } from "../../../reconciler/6-report/sanitise.ts";

const shown = test.macro<[string, string]>({
  title: (_, given) => `sanitise() shows ${JSON.stringify(given)}`,
  exec(t, given, expected) {
    t.is(sanitise(given), expected);
  },
});
test(shown, "plain – text: ünïcödé 日本 🎉", "plain – text: ünïcödé 日本 🎉");
test(shown, "\x1b[31mred\x07\r\n\t", "\\x1b[31mred\\x07\\x0d\\x0a\\x09");
test(shown, "\x7f\x9b31m", "\\x7f\\x9b31m");
test(shown, "a\u202eb\u2066c\u200fd\u2028\ufeff", "a\\u202eb\\u2066c\\u200fd\\u2028\\ufeff");
test(shown, "\ud83c x \udf89", "\\ud83c x \\udf89");

test("sanitise() leaves nothing that a terminal obeys, and does nothing twice", (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const clean = sanitise(text);
      t.notRegex(clean, /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u);
      t.is(sanitise(clean), clean);
    }),
  );
});
