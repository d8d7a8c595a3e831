// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import test from "ava";
import { packageRoot } from "../../bpf/package-root.ts";
import { generateTypes, staleTypes } from "../../schemas/generate-types.ts";

const folder = join(packageRoot(), "schemas");
const schemas = readdirSync(folder).filter((name) => name.endsWith(".schema.json"));

test("generated types are what the schemas say now", async (t) => {
  t.deepEqual(await staleTypes(folder), []);
});

test("staleTypes() names missing and changed files", async (t) => {
  const copy = mkdtempSync(join(tmpdir(), "sluice-schemas-"));
  t.teardown(() => rmSync(copy, { recursive: true }));
  writeFileSync(
    join(copy, "one-word.schema.json"),
    JSON.stringify({ title: "OneWord", type: "object", properties: { a: { type: "integer" } }, additionalProperties: false }),
  );

  t.deepEqual(await staleTypes(copy), ["one-word.generated.ts"]);

  const [file] = await generateTypes(copy);
  t.regex(file?.content ?? "", /export interface OneWord \{\n {2}a\?: number;\n\}/);
  t.regex(file?.content ?? "", /export const oneWordSchema: object = \{/);
  writeFileSync(join(copy, "one-word.generated.ts"), file?.content ?? "");
  t.deepEqual(await staleTypes(copy), []);
});

for (const name of schemas) {
  const schema = JSON.parse(readFileSync(join(folder, name), "utf8")) as Record<string, unknown>;

  test(`${name} is a valid schema`, (t) => {
    const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, validateFormats: false });
    ajv.addVocabulary(["x-expected", "tsType"]);

    t.true(ajv.validateSchema(schema));
    t.notThrows(() => ajv.compile(schema));
  });

  test(`${name} describes every property`, (t) => {
    t.deepEqual(undescribed(schema, schema, ""), []);
  });

  test(`${name} has examples that fit`, (t) => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(schema, "root");
    const wrong = examples(schema, "#").filter(({ at, example }) => !ajv.validate({ $ref: `root${at}` }, example));

    t.deepEqual(wrong, []);
  });
}

type Schema = Readonly<Record<string, unknown>>;

function undescribed(root: Schema, schema: Schema, place: string): readonly string[] {
  return Object.entries(schema).flatMap(([key, value]) => {
    if (typeof value !== "object" || value === null || key === "examples") return [];
    const inner = value as Record<string, Schema>;
    const bare = key === "properties" ? Object.keys(inner).filter((name) => !isDescribed(root, inner[name] ?? {})) : [];
    return [...bare.map((name) => `${place}/${name}`), ...undescribed(root, inner, `${place}/${key}`)];
  });
}

function isDescribed(root: Schema, schema: Schema): boolean {
  const reference = schema["$ref"];
  const target = typeof reference === "string" ? (root["$defs"] as Record<string, Schema>)[reference.replace("#/$defs/", "")] : undefined;
  return typeof schema["description"] === "string" || typeof target?.["description"] === "string";
}

function examples(schema: Schema, at: string): readonly { readonly at: string; readonly example: unknown }[] {
  const own = Array.isArray(schema["examples"]) ? schema["examples"].map((example: unknown) => ({ at, example })) : [];
  const inner = Object.entries(schema).filter(([key, value]) => typeof value === "object" && value !== null && key !== "examples");
  return [
    ...own,
    ...inner.flatMap(([key, value]) => examples(value as Schema, `${at}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`)),
  ];
}
