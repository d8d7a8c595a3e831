// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { packageRoot } from "../bpf/package-root.ts";
import { compileValidator } from "./compile-validator.ts";

const require = createRequire(import.meta.url);

const known = new WeakMap<object, ValidateFunction>();

/**
 * The validator of a schema. Its errors carry their schemas (ajv's `verbose`), which are parts of `schema` itself. What the build made
 * is loaded; any other schema is compiled, which takes longer than all the rest of a start.
 */
export function validatorOf(schema: object): ValidateFunction {
  const validate = known.get(schema) ?? builtValidator(schema) ?? compileValidator(schema);
  known.set(schema, validate);
  return validate;
}

/** The validator that the build made of exactly this schema; null when it made none. */
export function builtValidator(schema: object): ValidateFunction | null {
  const path = join(validatorFolder(), validatorFile(schema));
  if (!existsSync(path)) return null;
  const make = require(path) as (schema: object) => ValidateFunction;
  return make(schema);
}

/** Where the build puts validators. */
export function validatorFolder(): string {
  return join(packageRoot(), "dist/schemas/validators");
}

/** A validator's file name says what it was made from, so that none outlives its schema. */
export function validatorFile(schema: object): string {
  return `${createHash("sha256").update(JSON.stringify(schema)).digest("hex").slice(0, 16)}.cjs`;
}
