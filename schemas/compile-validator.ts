// SPDX-License-Identifier: Apache-2.0
import { createRequire } from "node:module";
import type * as Ajv from "ajv/dist/2020.js";
import type { Ajv2020, AnySchemaObject, Code, ValidateFunction } from "ajv/dist/2020.js";
import type standaloneCode from "ajv/dist/standalone/index.js";

// Loaded by those who compile: a start with built validators does without.
const require = createRequire(import.meta.url);
const ajvPackage = () => require("ajv/dist/2020.js") as typeof Ajv;
const standalonePackage = () => require("ajv/dist/standalone/index.js") as { readonly default: typeof standaloneCode.default };

/** Compiles a schema that is known to be valid. */
export function compileValidator(schema: object): ValidateFunction {
  return openAjv({ optimize: false }).compile(schema);
}

/**
 * The same as the text of a CommonJS module. It exports a function that takes the schema and gives the validator: the schemas in its
 * errors are parts of that very object, not copies.
 */
export function validatorSource(schema: object): string {
  const ajv = openAjv({ source: true });
  const validate = ajv.compile(schema);
  pointInto(validate, placesIn(schema));
  return `module.exports = (root) => {\nconst module = {};\n${standalonePackage().default(ajv, validate)}\nreturn module.exports;\n};\n`;
}

function openAjv(code: Ajv.CodeOptions): Ajv2020 {
  const ajv = new (ajvPackage().Ajv2020)({
    strict: true,
    strictRequired: false,
    strictTypes: false,
    allErrors: true,
    verbose: true,
    validateFormats: false,
    // The schemas are ours, and tested: these save a quarter of a second where one is compiled at a start.
    meta: false,
    validateSchema: false,
    inlineRefs: false,
    code,
  });
  ajv.addKeyword("x-expected");
  ajv.addKeyword("tsType");
  return ajv;
}

/** Each part of a schema with the expression that finds it from `root`. */
function placesIn(schema: object): ReadonlyMap<unknown, Code> {
  const { _, Name } = ajvPackage();
  const places = new Map<unknown, Code>();
  const visit = (part: unknown, place: Code): void => {
    if (typeof part !== "object" || part === null) return;
    places.set(part, place);
    for (const [key, value] of Object.entries(part)) visit(value, _`${place}[${key}]`);
  };
  visit(schema, _`${new Name("root")}`);
  return places;
}

/** Makes the code of a validator, and of those it calls, find its schemas in `root` where ajv would print them. */
function pointInto(validate: Ajv.ValidateFunction, places: ReadonlyMap<unknown, Code>, done = new Set<unknown>()): void {
  if (done.has(validate)) return;
  done.add(validate);
  const { schema = [], validate: called = [], root = [], wrapper = [] } = validate.source?.scopeValues ?? {};
  for (const { value } of schema) {
    const place = places.get(value?.ref);
    if (value !== undefined && place !== undefined) value.code = place;
  }
  for (const { value } of called) pointInto(value?.ref as ValidateFunction, places, done);
  for (const { value } of [...root, ...wrapper]) {
    const { validate: inner } = value?.ref as AnySchemaObject;
    pointInto(inner as ValidateFunction, places, done);
  }
}
