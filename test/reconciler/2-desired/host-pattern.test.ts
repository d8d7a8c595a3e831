// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { hostFits } from "../../../reconciler/2-desired/host-pattern.ts";

const cases: readonly (readonly [string, string, boolean])[] = [
  ["edge-1", "edge-1", true],
  ["Edge-1", "eDGE-1", true],
  ["edge-1", "edge-10", false],
  ["edge-*", "edge-", true],
  ["edge-*", "core-1", false],
  ["*", "", true],
  ["?", "", false],
  ["lb-?", "lb-2", true],
  ["lb-?", "lb-22", false],
  ["*.fra.example", "a.b.fra.example", true],
  ["*a*b", "xaxbxb", true],
  ["a.c", "abc", false],
];

for (const [pattern, host, fits] of cases) {
  test(`hostFits() says ${fits} for "${pattern}" and "${host}"`, (t) => {
    t.is(hostFits(pattern, host), fits);
  });
}

test("hostFits() agrees with a regular expression", (t) => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "-", "*", "?"), maxLength: 8 });
  const host = fc.string({ unit: fc.constantFrom("a", "b", "-"), maxLength: 10 });

  fc.assert(
    fc.property(text, host, (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
      return hostFits(pattern, name) === expression.test(name);
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

test("hostFits() is quick with many stars", (t) => {
  const start = process.hrtime.bigint();

  t.false(hostFits("*a".repeat(100), "a".repeat(99) + "b".repeat(20_000)));

  t.true(process.hrtime.bigint() - start < 1_000_000_000n);
});
