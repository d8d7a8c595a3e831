// SPDX-License-Identifier: Apache-2.0
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";

/** Compiled once per process: compiling takes longer than validating a thousand files. */
const compiled = new WeakMap<object, ValidateFunction>();

/** What in `value` breaks a schema; none when it fits. Of alternatives (anyOf, oneOf) only the errors of the likeliest are given. */
export function schemaErrors(schema: object, value: unknown): readonly ErrorObject[] {
  const validate = compiled.get(schema) ?? compile(schema);
  return validate(value) ? [] : chooseBranches(validate.errors ?? []);
}

function compile(schema: object): ValidateFunction {
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: false,
    strictTypes: false,
    allErrors: true,
    verbose: true,
    validateFormats: false,
  });
  ajv.addKeyword("x-expected");
  ajv.addKeyword("tsType");
  const validate = ajv.compile(schema);
  compiled.set(schema, validate);
  return validate;
}

/** ajv lists the errors of all branches before the error of the anyOf itself, inner ones first. */
function chooseBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  let kept: ErrorObject[] = [];
  for (const error of errors) {
    if (error.keyword === "if" || error.keyword === "propertyNames") continue;
    if (error.keyword !== "anyOf" && error.keyword !== "oneOf") {
      kept.push(error);
      continue;
    }
    const inside = kept.filter((candidate) => isInside(candidate, error));
    kept = kept.filter((candidate) => !isInside(candidate, error));
    kept.push(...likeliestBranch(inside, error));
  }
  return kept;
}

function isInside(error: ErrorObject, composite: ErrorObject): boolean {
  const isBelow = error.instancePath === composite.instancePath || error.instancePath.startsWith(`${composite.instancePath}/`);
  return isBelow && branchOf(error, composite) !== null;
}

/** Which branch an error comes from; what lies behind a $ref is told apart by the definition's name. */
function branchOf(error: ErrorObject, composite: ErrorObject): string | null {
  if (error.schemaPath.startsWith(`${composite.schemaPath}/`)) {
    return error.schemaPath.slice(composite.schemaPath.length + 1).split("/")[0] as string;
  }
  return error.schemaPath.startsWith("#/$defs/") ? error.schemaPath.split("/", 3).join("/") : null;
}

/** The branch whose type fits and that has the fewest errors; where no type fits, the composite's own error, which names them all. */
function likeliestBranch(inside: readonly ErrorObject[], composite: ErrorObject): readonly ErrorObject[] {
  const branches = new Map<string | null, ErrorObject[]>();
  for (const error of inside) {
    const branch = branchOf(error, composite);
    branches.set(branch, [...(branches.get(branch) ?? []), error]);
  }
  const fitting = [...branches.values()].filter((errors) => !errors.some((error) => isKindError(error, composite)));
  const best = fitting.sort((a, b) => a.length - b.length)[0];
  if (best !== undefined) return best;
  return [{ ...composite, params: { ...composite.params, branches: inside.filter((error) => isKindError(error, composite)) } }];
}

function isKindError(error: ErrorObject, composite: ErrorObject): boolean {
  return error.instancePath === composite.instancePath && ["type", "const", "enum", "pattern"].includes(error.keyword);
}
