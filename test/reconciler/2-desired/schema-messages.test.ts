// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { checkSchema } from "../../../reconciler/2-desired/check-schema.ts";
import { readPolicyFile } from "../../../reconciler/2-desired/read-policy-file.ts";
import { plainValue } from "../../../reconciler/2-desired/yaml-tree.ts";
import type { Diagnostic } from "../../../reconciler/model/diagnostic.ts";

/** Schema of the key "k", YAML of its value, and what is said, as "line:column code: message (hint)". */
const cases: readonly (readonly [object, string, readonly string[]])[] = [
  [{ type: "integer" }, "x", ['1:4 wrong-type: "k" must be a whole number, not "x"']],
  [{ type: ["number", "boolean", "null"] }, "x", ['1:4 wrong-type: "k" must be a number or true or false or empty, not "x"']],
  [{ type: "string" }, "7", ['1:4 wrong-type: "k" must be text, not 7 (put it in quotes)']],
  [{ type: "string" }, "[7]", ['1:1 wrong-type: "k" must be text, not a list']],
  [
    { type: "array", items: { type: "object" } },
    "[{}, 7, ~]",
    ['1:9 wrong-type: An item of "k" must be a mapping, not 7', '1:12 wrong-type: An item of "k" must be a mapping, not nothing'],
  ],
  [
    { type: "integer", maximum: 9 },
    "99999999999999999999",
    ['1:4 out-of-range: Value 99999999999999999999 of "k" is too big: expected at most 9'],
  ],
  [
    { type: "integer" },
    "-99999999999999999999",
    ['1:4 out-of-range: Value -99999999999999999999 of "k" is too small: expected at least -9007199254740991'],
  ],
  [{ const: "v1" }, "v2", ['1:4 not-one-of: Unknown value "v2" of "k": expected "v1" (did you mean "v1"?)']],
  [{ enum: ["a", "b"] }, "{ a: 1 }", ['1:1 wrong-type: "k" must be "a" or "b", not a mapping']],
  [{ type: "array", items: { enum: [1, 2] } }, "[3]", ['1:5 not-one-of: Unknown value 3 in "k": expected "1" or "2" (did you mean "1"?)']],
  [{ type: "string", pattern: "^a$" }, "b", ['1:4 bad-format: Value "b" of "k" is not allowed: expected a match of ^a$']],
  [{ type: "string", pattern: "^a$", "x-expected": "an a" }, "b", ['1:4 bad-format: Value "b" of "k" is not allowed: expected an a']],
  [
    { type: "number", minimum: 1, multipleOf: 2 },
    "-1",
    ['1:4 out-of-range: Value -1 of "k" is too small: expected at least 1', '1:4 out-of-range: Value -1 of "k" is not a multiple of 2'],
  ],
  [{ type: "number", exclusiveMinimum: 0 }, "0", ['1:4 out-of-range: Value 0 of "k" is too small: expected more than 0']],
  [{ type: "number", exclusiveMaximum: 5 }, "5", ['1:4 out-of-range: Value 5 of "k" is too big: expected less than 5']],
  [{ type: "string", minLength: 1 }, '""', ['1:4 out-of-range: Value "" of "k" is too short: expected at least 1 character']],
  [
    { type: "string", maxLength: 2 },
    "x".repeat(70),
    [`1:4 out-of-range: Value "${"x".repeat(60)}…" of "k" is too long: expected at most 2 characters`],
  ],
  [{ type: "array", minItems: 2 }, "[1]", ['1:1 out-of-range: "k" has 1 item: expected at least 2']],
  [{ type: "array", maxItems: 1 }, "[1, 2]", ['1:1 out-of-range: "k" has 2 items: expected at most 1']],
  [{ type: "array", uniqueItems: true }, "[1, 2, 1]", ['1:11 duplicate-item: "k" holds 1 twice']],
  [{ type: "object", minProperties: 1 }, "{}", ['1:1 out-of-range: "k" is empty: expected at least 1 key']],
  [{ type: "object", maxProperties: 1 }, "{ a: 1, b: 2 }", ['1:1 out-of-range: "k" has 2 keys: expected at most 1']],
  [{ type: "object", additionalProperties: false }, "{ a: 1 }", ['1:6 unknown-key: Unknown key "a"']],
  [
    { type: "object", unevaluatedProperties: false, properties: { name: {} } },
    "{ nam: 1 }",
    ['1:6 unknown-key: Unknown key "nam": expected "name" (did you mean "name"?)'],
  ],
  [
    { type: "object", propertyNames: { pattern: "^[a-z]+$", "x-expected": "small letters" } },
    "{ A1: 1 }",
    ['1:6 bad-format: Key "A1" is not allowed: expected small letters'],
  ],
  [{ type: "object", required: ["a"] }, "{}", ['1:1 missing-key: Key "a" is missing in "k"']],
  [{ type: "object", dependentRequired: { a: ["b"] } }, "{ a: 1 }", ['1:6 missing-key: Key "a" needs the key "b" beside it']],
  [{ not: { type: "integer" } }, "1", ['1:4 not-allowed: "k" must NOT be valid']],
  [{ not: { type: "integer" }, "x-expected": "no number" }, "1", ['1:4 not-allowed: "k" must be no number']],
  [
    { anyOf: [{ type: "integer" }, { enum: ["on", "off"] }] },
    "onn",
    ['1:4 wrong-type: "k" must be a whole number or "on" or "off", not "onn" (did you mean "on"?)'],
  ],
  [
    { anyOf: [{ type: "integer" }, { type: "string", pattern: "^a" }] },
    "b",
    ['1:4 wrong-type: "k" must be a whole number or a match of ^a, not "b"'],
  ],
  [
    { anyOf: [{ type: "integer", minimum: 5 }, { type: "string" }] },
    "3",
    ['1:4 out-of-range: Value 3 of "k" is too small: expected at least 5'],
  ],
  [{ oneOf: [{ type: "integer" }, { const: 3 }] }, "3", ['1:4 wrong-type: "k" must be exactly one of its forms, not 3']],
  [
    { anyOf: [{ type: "array", items: { anyOf: [{ type: "integer" }, { type: "boolean" }] } }, { type: "string" }] },
    "[x]",
    ['1:5 wrong-type: An item of "k" must be a whole number or true or false, not "x"'],
  ],
  [{ if: { type: "integer" }, then: { minimum: 5 } }, "3", ['1:4 out-of-range: Value 3 of "k" is too small: expected at least 5']],
];

for (const [schema, yaml, expected] of cases) {
  test(`checkSchema() says of ${JSON.stringify(schema).slice(0, 120)} and ${yaml.slice(0, 30)}: ${expected[0]?.slice(0, 60)}`, (t) => {
    t.deepEqual(check({ type: "object", properties: { k: schema } }, `k: ${yaml}\n`), expected);
  });
}

test("checkSchema() speaks of the policy where the root itself is wrong", (t) => {
  t.deepEqual(check({ type: "object" }, "- 1\n"), ["1:1 wrong-type: The policy must be a mapping, not a list"]);
  t.deepEqual(check({ type: "object", required: ["a"] }, "b: 1\n"), ['1:1 missing-key: Key "a" is missing']);
});

test("checkSchema() reports no more than a hundred errors, and then trusts nothing", (t) => {
  const text = Array.from({ length: 5000 }, (_, index) => `k${index}: 1\n`).join("");
  const file = readPolicyFile("f", new TextEncoder().encode(text), () => undefined);
  const found: Diagnostic[] = [];

  const fit =
    file &&
    checkSchema({ type: "object", additionalProperties: false }, plainValue(file.root), file.source, file.root, [], (one) =>
      found.push(one),
    );

  t.is(found.length, 100);
  t.false(fit?.fits(["other"]));
});

function check(schema: object, text: string): readonly string[] {
  const found: Diagnostic[] = [];
  const file = readPolicyFile("f", new TextEncoder().encode(text), (diagnostic) => found.push(diagnostic));
  if (file !== null) checkSchema(schema, plainValue(file.root), file.source, file.root, [], (diagnostic) => found.push(diagnostic));
  return found.map(({ at, code, message, hint }) => `${at.line}:${at.column} ${code}: ${message}${hint === null ? "" : ` (${hint})`}`);
}
