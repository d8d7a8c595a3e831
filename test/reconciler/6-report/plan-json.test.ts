// SPDX-License-Identifier: Apache-2.0
import { Ajv2020 } from "ajv/dist/2020.js";
import test from "ava";
import { planToJson } from "../../../reconciler/6-report/plan-json.ts";
import { printPlan } from "../../../reconciler/6-report/print-plan.ts";
import { planSchema } from "../../../schemas/plan.generated.ts";
import { matchesGolden } from "../../golden/golden.ts";
import { apply, memoryHost, planFor, withPlainPrograms } from "../memory-host.ts";
import { desiredHook, desiredOf, desiredStep } from "../policy-builders.ts";
import { planOf, samplePlans } from "./sample-plans.ts";

type Schema = Readonly<Record<string, unknown>>;

/** The schema without room for what it does not describe. */
const strict = JSON.parse(JSON.stringify(planSchema), (_, value: unknown) =>
  isObject(value) && value["type"] === "object" ? { ...value, additionalProperties: false } : value,
) as Schema;

for (const [name, plan] of Object.entries(samplePlans)) {
  test(`planToJson() of ${name} is what the schema says, and nothing more`, (t) => {
    const validate = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile(strict);
    const json: unknown = JSON.parse(JSON.stringify(planToJson(plan)));

    t.true(validate(json), JSON.stringify(validate.errors, null, 2));
  });
}

test("planToJson() of what the planner plans is what the schema says", async (t) => {
  const host = memoryHost(["eth0"]);
  const kernel = withPlainPrograms(host.memory);
  const list = (value: number) => desiredStep("list", { maps: [{ name: "list", content: "whole", entries: [[1, value]] }] });
  const [flows, wider, plain] = [
    desiredStep("flows", { maps: [{ name: "flows" }] }),
    desiredStep("flows", { maps: [{ name: "flows", incarnation: "0b" }] }),
    desiredStep("plain"),
  ];
  const policies = [
    desiredOf([desiredHook("eth0", "xdp", [list(1), flows]), desiredHook("wg0", "tc-egress", [plain])]),
    desiredOf([desiredHook("eth0", "xdp", [list(2), flows])]),
    desiredOf([desiredHook("eth0", "xdp", [wider, plain, list(2)], { end: 1 })]),
    desiredOf([]),
  ];
  const validate = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile(strict);
  const printed: string[] = [];

  for (const policy of policies) {
    const plan = await planFor(kernel, host, policy, true);
    t.true(validate(JSON.parse(JSON.stringify(planToJson(plan)))), JSON.stringify(validate.errors, null, 2));
    printed.push(printPlan(plan, { color: false }).replace(/\b[0-9a-f]{6}\b/g, "0a1b2c"));
    const result = await apply(kernel, host, policy, true);
    t.is(result.kind, "committed");
  }

  matchesGolden(t, "plans-of-the-planner.txt", printed.join("\n-----\n\n"));
});

test("planToJson() of every-change", (t) => {
  const json = planToJson(samplePlans["every-change"] as NonNullable<(typeof samplePlans)[string]>);
  matchesGolden(t, "plan-every-change.json", `${JSON.stringify(json, null, 2)}\n`);
});

test("planToJson() summarises operations of every kind", (t) => {
  const hook = { interface: "eth0", kind: "xdp" } as const;
  const generation = { format: 1, sluice: "0", id: "g", digest: "g", hook, end: 2, counters: null, steps: [] } as const;
  const request = {
    name: "m",
    definition: { type: "hash", keySize: 1, valueSize: 1, maxEntries: 1, flags: 0, btfKey: 0, btfValue: 0, inner: null },
    btf: null,
  };
  const plan = planOf([], {
    prepare: [
      { kind: "create-map", pin: "/map", request },
      { kind: "remove-map", pin: "/map", request },
      { kind: "load", pin: "/gen", generation, origins: {} },
      { kind: "unload", pin: "/gen", generation, origins: {} },
    ],
  });
  t.deepEqual(planToJson(plan).operations.prepare, [
    { kind: "create-map", target: "/map", hook: null, puts: 0, deletes: 0 },
    { kind: "remove-map", target: "/map", hook: null, puts: 0, deletes: 0 },
    { kind: "load", target: "/gen", hook: "eth0/xdp", puts: 0, deletes: 0 },
    { kind: "unload", target: "/gen", hook: "eth0/xdp", puts: 0, deletes: 0 },
  ]);
});

test("plan.schema.json describes every property", (t) => {
  const silent: string[] = [];
  const visit = (node: unknown, path: string) => {
    if (!isObject(node)) return;
    if (isObject(node["properties"])) {
      for (const [name, property] of Object.entries(node["properties"])) {
        if (!isObject(property) || typeof property["description"] !== "string") silent.push(`${path}/${name}`);
      }
    }
    for (const [name, child] of Object.entries(node)) visit(child, `${path}/${name}`);
  };
  visit(planSchema, "");
  t.deepEqual(silent, []);
});

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
