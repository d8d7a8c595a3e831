// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { readFullYaml } from "../../../reconciler/2-desired/full-yaml.ts";
import { plainValue } from "../../../reconciler/2-desired/yaml-tree.ts";

const read: readonly (readonly [string, unknown])[] = [
  [
    "a: 18446744073709551615\nb: 9007199254740991\nc: -9007199254740993\n",
    { a: 18446744073709551615n, b: 9007199254740991, c: -9007199254740993n },
  ],
  ["a: 0x10\nb: 0o17\nc: 1.5\nd: ~\ne:\nf: yes\ng: 010\n", { a: 16, b: 15, c: 1.5, d: null, e: null, f: "yes", g: 10 }],
  ["a: &x { n: 1 }\nb: *x\nc: [*x, *x]\n", { a: { n: 1 }, b: { n: 1 }, c: [{ n: 1 }, { n: 1 }] }],
  ["a: |\n  two\n  lines\n", { a: "two\nlines\n" }],
  ["? a\n: 1\n", { a: 1 }],
  ["a: &k key\n*k : 1\n", { a: "key", key: 1 }],
];

for (const [text, value] of read) {
  test(`readFullYaml() reads ${JSON.stringify(text)}`, (t) => {
    const { root, complaints } = readFullYaml(text);

    t.deepEqual(complaints, []);
    t.deepEqual(root === null ? null : plainValue(root), value);
  });
}

const refused: readonly (readonly [string, readonly (readonly [string, number])[]])[] = [
  ["", [["empty-file", 0]]],
  ["a: 1\nb: 2\na: 3\n", [["duplicate-key", 10]]],
  ['a: 1\n"a": 2\n', [["duplicate-key", 5]]],
  ["a: 1\n---\na: 2\n", [["not-supported", 5]]],
  ["%YAML 1.1\n---\na: 1\n", [["not-supported", 0]]],
  [
    "a: !t 1\nb: !u 2\n",
    [
      ["not-supported", 3],
      ["not-supported", 11],
    ],
  ],
  ["[1]: a\n", [["wrong-type", 0]]],
  ["a: *b\n", [["yaml-syntax", 3]]],
  ["a: &b [*b]\n", [["yaml-syntax", 7]]],
  ["a: &b { x: 1 }\nc: { <<: *b }\n", [["not-supported", 20]]],
  ["a: 'open\n", [["yaml-syntax", 7]]],
  ["a: [1\n", [["yaml-syntax", 4]]],
  ["a: ]\n", [["yaml-syntax", 3]]],
  ["a: 1\n  b: 2\n", [["yaml-syntax", 3]]],
  ["\ta: 1\n", [["yaml-syntax", 0]]],
  ["a: @b\n", [["yaml-syntax", 3]]],
  [`${"[".repeat(100)}${"]".repeat(100)}`, [["too-deep", 61]]],
];

for (const [text, expected] of refused) {
  test(`readFullYaml() refuses ${JSON.stringify(text.slice(0, 50))}`, (t) => {
    const { root, complaints } = readFullYaml(text);

    t.is(root, null);
    t.deepEqual(
      complaints.map(({ code, start }) => [code, start]),
      expected.map((one) => [...one]),
    );
  });
}

test("readFullYaml() refuses nesting that the parser itself gives up on", (t) => {
  const { root, complaints } = readFullYaml("[".repeat(100_000));

  t.is(root, null);
  t.true(complaints.length > 0);
});

test("readFullYaml() finds repeated keys among a hundred thousand without comparing each with each", (t) => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `k${index}: 1`);

  const { complaints } = readFullYaml(`${lines.join("\n")}\nk5: 2\n`);

  t.deepEqual(
    complaints.map(({ message }) => message),
    ['Key "k5" is given twice'],
  );
});

test("readFullYaml() gives no more than ten syntax errors", (t) => {
  const { complaints } = readFullYaml("a: @\n".repeat(50));

  t.is(complaints.length, 10);
});
