// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { readFastYaml } from "../../../reconciler/2-desired/fast-yaml.ts";
import { readFullYaml } from "../../../reconciler/2-desired/full-yaml.ts";
import { plainValue, type YamlNode } from "../../../reconciler/2-desired/yaml-tree.ts";

const understood: readonly (readonly [string, unknown])[] = [
  ["a: 1\n", { a: 1 }],
  ["# first\n\na: 1 # one\n\n# last", { a: 1 }],
  ["a:\n  b: text with spaces\n  c: 'single'\nd: \"double\"\n", { a: { b: "text with spaces", c: "single" }, d: "double" }],
  ["a:\n  - 1\n  - x: 1\n    y: 2\n  - [1, 2]\n", { a: [1, { x: 1, y: 2 }, [1, 2]] }],
  ["a:\n- 1\n- 2\nb: 3\n", { a: [1, 2], b: 3 }],
  ["- a\n- b: c\n", ["a", { b: "c" }]],
  ["a: { b: [1, true, false, x], c: {}, d: [] }\n", { a: { b: [1, true, false, "x"], c: {}, d: [] } }],
  ["a: [\n    1,\n    2\n  ]\nb: 2\n", { a: [1, 2], b: 2 }],
  ["a: [10.0.0.0/8, 2001:db8::/32, -5, 1000-1999]\n", { a: ["10.0.0.0/8", "2001:db8::/32", -5, "1000-1999"] }],
  ['0: a\n-1: b\n"2": c\n', { 0: "a", "-1": "b", 2: "c" }],
  [
    'a: it\'s "so" [1]\nb: ./objects/x.bpf.o\nc: edge-*\nd: tc:egress\n',
    { a: 'it\'s "so" [1]', b: "./objects/x.bpf.o", c: "edge-*", d: "tc:egress" },
  ],
  ["a: truest\nb: nullable\nc: 1x\nd: 10.0.0.1\n", { a: "truest", b: "nullable", c: "1x", d: "10.0.0.1" }],
];

for (const [text, value] of understood) {
  test(`readFastYaml() reads ${JSON.stringify(text)}`, (t) => {
    const root = readFastYaml(text);

    t.deepEqual(root === null ? null : plainValue(root), value);
    t.deepEqual(outline(root), outline(readFullYaml(text).root));
  });
}

const left: readonly string[] = [
  "",
  "# nothing\n",
  "text\n",
  "a:\n",
  "a: 1\na: 2\n",
  "a: {b: 1, b: 2}\n",
  "a: &x 1\nb: *x\n",
  "a: |\n  text\n",
  "a: two\n  lines\n",
  "a: 1\n  b: 2\n",
  "a:\n    b: 1\n  c: 2\n",
  "a: [1, 2\n",
  "a: [1,\n2]\n",
  "a: [1, 2,]\n",
  "a: [1 # one\n  ]\n",
  "a: [b: 1]\n",
  "a: {b}\n",
  "a: {b:1}\n",
  "a: {b: }\n",
  "a: [1] 2\n",
  "a: 'it''s'\n",
  'a: "\\n"\n',
  'a: "open\n',
  "a: b: c\n",
  "a: b:\n",
  "a: ~\n",
  "a: null\n",
  "a: True\n",
  "a: 0x10\n",
  "a: 1.5\n",
  "a: 0123\n",
  "a: 12345678901234567890\n",
  "a: !tag 1\n",
  "a: @at\n",
  "? a\n: 1\n",
  "--- \na: 1\n",
  "a:\t1\n",
  "ä: 1\n",
  "a: 1\r\n",
  "-\n  a: 1\n",
  "- - 1\n",
  "- 1\n a: 1\n",
  "- 1\na: 1\n",
  "a:\n  - 1\n    - 2\n",
  `a: ${"[".repeat(40)}${"]".repeat(40)}\n`,
  `${Array.from({ length: 40 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join("")}${" ".repeat(40)}b: 1\n`,
  Array.from({ length: 102 }, (_, index) => `k${index}: 1\n`).join(""),
  `${"k".repeat(1001)}: 1\n`,
];

for (const text of left) {
  test(`readFastYaml() leaves ${JSON.stringify(text.slice(0, 60))} to the full parser`, (t) => {
    t.is(readFastYaml(text), null);
  });
}

const pieces = [
  "a",
  "b",
  "name",
  ":",
  ": ",
  "- ",
  " ",
  "  ",
  "    ",
  "\n",
  "\n  ",
  "\n    ",
  "[",
  "]",
  "{",
  "}",
  ", ",
  ",",
  '"',
  "'",
  "#",
  " # c",
];
const odd = [
  "1",
  "-1",
  "0x1f",
  "1e3",
  "true",
  "null",
  "~",
  "*",
  "&",
  "10.0.0.0/8",
  "::1",
  "?",
  "|",
  ">",
  "-",
  "--- ",
  "...",
  "%",
  "!",
  "@",
  "x y",
  "\\",
];

test("readFastYaml() reads what it reads as the full parser does: soup of tokens", (t) => {
  const soup = fc.array(fc.constantFrom(...pieces, ...odd), { maxLength: 14 }).map((tokens) => tokens.join(""));

  fc.assert(fc.property(soup, agree), { numRuns: 20_000 });
  t.pass();
});

test("readFastYaml() reads what it reads as the full parser does: nearly policies", (t) => {
  const start =
    "apiVersion: sluice/v1\nhosts: [edge-1, 'b']\nxdp:\n  chain:\n    - name: one\n      with: { a: [1, x], b: {} } # c\n    - name: two\n  end: drop\n";
  const change = fc.tuple(fc.nat(start.length), fc.nat(3), fc.constantFrom(...pieces, ...odd));
  const changed = fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => changes.reduce(edit, start));

  fc.assert(fc.property(changed, agree), { numRuns: 5000 });
  t.pass();
});

function edit(text: string, [at, cut, put]: readonly [number, number, string]): string {
  return text.slice(0, at) + put + text.slice(at + cut);
}

function agree(text: string): void {
  const fast = readFastYaml(text);
  if (fast === null) return;
  const full = readFullYaml(text);
  const [one, other] = [JSON.stringify(outline(fast)), JSON.stringify(outline(full.root))];
  if (full.complaints.length > 0 || one !== other)
    throw new Error(`${JSON.stringify(text)}: ${one}, not ${other} ${full.complaints[0]?.message}`);
}

/** Values and where they begin; keys and words also where they end. */
function outline(node: YamlNode | null): unknown {
  switch (node?.kind) {
    case undefined:
      return null;
    case "scalar":
      return [node.start, node.end, node.value];
    case "list":
      return [node.start, ...node.items.map(outline)];
    case "map":
      return [node.start, ...node.entries.map(({ key, value }) => [outline(key), outline(value)])];
  }
}
