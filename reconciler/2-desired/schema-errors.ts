// SPDX-License-Identifier: Apache-2.0
import type { ErrorObject } from "ajv/dist/2020.js";
import { validatorOf } from "../../schemas/validator.ts";
import { likeliestBranches } from "./schema-branches.ts";

/** What in `value` breaks a schema; none when it fits. Of alternatives (anyOf, oneOf) only the errors of the likeliest are given. */
export function schemaErrors(schema: object, value: unknown): readonly ErrorObject[] {
  const validate = validatorOf(schema);
  return validate(value) ? [] : likeliestBranches(schema, validate.errors ?? []);
}
