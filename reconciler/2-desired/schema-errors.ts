// SPDX-License-Identifier: Apache-2.0
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { likeliestBranches } from "./schema-branches.ts";

/** Compiled once per process: compiling takes longer than validating a thousand files. */
const compiled = new WeakMap<object, ValidateFunction>();

/** What in `value` breaks a schema; none when it fits. Of alternatives (anyOf, oneOf) only the errors of the likeliest are given. */
export function schemaErrors(schema: object, value: unknown): readonly ErrorObject[] {
  const validate = compiled.get(schema) ?? compile(schema);
  return validate(value) ? [] : likeliestBranches(schema, validate.errors ?? []);
}

function compile(schema: object): ValidateFunction {
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: false,
    strictTypes: false,
    allErrors: true,
    verbose: true,
    validateFormats: false,
    // The schemas are ours, and tested: these save a quarter of a second at every start.
    meta: false,
    validateSchema: false,
    inlineRefs: false,
    code: { optimize: false },
  });
  ajv.addKeyword("x-expected");
  ajv.addKeyword("tsType");
  const validate = ajv.compile(schema);
  compiled.set(schema, validate);
  return validate;
}
