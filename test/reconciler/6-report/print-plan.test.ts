// SPDX-License-Identifier: Apache-2.0
import { stripVTControlCharacters } from "node:util";
import test from "ava";
import { printPlan } from "../../../reconciler/6-report/print-plan.ts";
import { printPlanMarkdown } from "../../../reconciler/6-report/print-plan-markdown.ts";
import { matchesGolden } from "../../golden/golden.ts";
import { hookPlan, planOf, samplePlans } from "./sample-plans.ts";

/** What a terminal or a browser could take for more than text; a line break is ours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

for (const [name, plan] of Object.entries(samplePlans)) {
  test(`printPlan() of ${name}`, (t) => matchesGolden(t, `plan-${name}.txt`, printPlan(plan, { color: false })));

  test(`printPlan() of ${name} is the same text in colour`, (t) => {
    const colored = printPlan(plan, { color: true });
    t.true(colored.includes("\u001b["));
    t.is(stripVTControlCharacters(colored), printPlan(plan, { color: false }));
  });

  test(`printPlan() of ${name} fits a terminal`, (t) => {
    const lines = printPlan(plan, { color: false, width: 100 }).split("\n");
    const changes = lines.filter((line) => /^ {2}[-+~^] /.test(line));
    if (name !== "hostile")
      t.deepEqual(
        changes.filter((line) => Array.from(line).length > 100),
        [],
      );
    t.is(lines.at(-1), "");
  });

  test(`printPlanMarkdown() of ${name}`, (t) => matchesGolden(t, `plan-${name}.md`, printPlanMarkdown(plan)));
}

test("printPlan() says who signed the commit, and that it does not go on from the one before", (t) => {
  const plan = planOf([]);
  const [line, next] = printPlan(
    { ...plan, revision: { ...plan.revision, signer: "alice (SHA256:x)", rewound: `main@sha1:${"0123abcd".repeat(5)}` } },
    { color: false },
  ).split("\n");

  t.true(line?.endsWith("  signed by alice (SHA256:x)"));
  t.is(next, "! does not go on from main@sha1:0123abcd, which was there before");
});

test("printPlan() and printPlanMarkdown() let nothing through that steers a terminal", (t) => {
  const plan = samplePlans["hostile"] as NonNullable<(typeof samplePlans)[string]>;
  t.notRegex(printPlan(plan, { color: false }), steering);
  t.notRegex(printPlanMarkdown(plan), steering);
});

test("printPlanMarkdown() keeps what users wrote inside code", (t) => {
  const text = printPlanMarkdown(samplePlans["hostile"] as NonNullable<(typeof samplePlans)[string]>);
  const blocks = /^```(?:diff|text)\n[\s\S]*?^```$/gm;
  const spans = /(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g;
  const outside = text
    .replace(/^<!-- sluice:plan:[A-Za-z0-9%().!~*'_-]* -->$/m, "")
    .replace(blocks, "")
    .replace(spans, "");
  t.notRegex(outside, /script|everyone|javascript/);
  t.is(text.match(/<\/details>$/gm)?.length, 1);
});

test("printPlanMarkdown() never gets longer than a comment may be", (t) => {
  const key = (index: number) => ({ key: `2001:db8::${index}`, before: "é".repeat(500), after: "drop", origin: null });
  const keys = {
    kind: "set-keys",
    step: "acl",
    map: "v6",
    added: 0,
    changed: 400,
    removed: 0,
    samples: Array.from({ length: 400 }, (_, index) => key(index)),
    origin: { file: "a.yaml", line: 1, column: 1 },
  } as const;
  const hooks = Array.from({ length: 300 }, (_, index) => hookPlan({ hook: { interface: `eth${index}`, kind: "xdp" }, changes: [keys] }));

  const text = printPlanMarkdown(planOf(hooks));

  t.true(Buffer.byteLength(text) <= 60_000, `${Buffer.byteLength(text)} bytes`);
  t.true(Buffer.byteLength(text) > 50_000, `${Buffer.byteLength(text)} bytes`);
  t.regex(text, /\n# \d+ more lines would not fit here\n/);
  t.regex(text, /\n_\d+ more chains would not fit here: `sluice plan` shows all of them\._\n$/);

  const refusal = { hook: null, code: "x", message: "é".repeat(5000), hint: null };
  t.true(Buffer.byteLength(printPlanMarkdown(planOf(hooks, { refusals: Array.from({ length: 500 }, () => refusal) }))) <= 60_000);
});
