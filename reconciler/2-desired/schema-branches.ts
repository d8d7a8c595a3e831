// SPDX-License-Identifier: Apache-2.0
import type { ErrorObject } from "ajv/dist/2020.js";

/**
 * Of the alternatives of anyOf and oneOf, leaves only the errors of the likeliest: the validator lists those of all, before the error
 * of the anyOf itself. Errors must carry their schemas (ajv's `verbose`). `root` is the whole schema.
 */
export function likeliestBranches(root: object, errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const kept: ErrorObject[] = [];
  for (const error of errors) {
    if (error.keyword === "if" || error.keyword === "propertyNames") continue;
    if (error.keyword !== "anyOf" && error.keyword !== "oneOf") {
      kept.push(error);
      continue;
    }
    const reaches = (error.schema as readonly object[]).map((branch) => reachOf(root, branch));
    const before = takeBelow(kept, error.instancePath);
    const inside = before.filter((candidate) => reaches.some((reach) => isInside(candidate, error, reach)));
    kept.push(...before.filter((candidate) => !inside.includes(candidate)), ...likeliest(inside, error, reaches));
  }
  return kept;
}

/** Takes the errors of a value and of what is in it off the end of the list: all of them stand there. */
function takeBelow(errors: ErrorObject[], path: string): readonly ErrorObject[] {
  let from = errors.length;
  while (from > 0 && `${errors[from - 1]?.instancePath}/`.startsWith(`${path}/`)) from--;
  return errors.splice(from);
}

/** Parts of a schema that speak of the same value as itself, and those that speak of values inside it. */
interface Reach {
  readonly here: ReadonlySet<unknown>;
  readonly below: ReadonlySet<unknown>;
}

/** Of the branches whose type fits, the one with the fewest errors; where no type fits, the composite's error, with those of all its branches. */
function likeliest(inside: readonly ErrorObject[], composite: ErrorObject, reaches: readonly Reach[]): readonly ErrorObject[] {
  // More than one of oneOf fits.
  if (inside.length === 0) return [composite];
  const branches = reaches.map((reach) => inside.filter((error) => isInside(error, composite, reach)));
  const fitting = branches.filter((errors) => !errors.some((error) => isKindError(error, composite)));
  const [best] = fitting.sort((one, other) => one.length - other.length);
  if (best !== undefined) return best;
  return [{ ...composite, params: { ...composite.params, branches: inside.filter((error) => isKindError(error, composite)) } }];
}

function isInside(error: ErrorObject, composite: ErrorObject, reach: Reach): boolean {
  if (error.instancePath === composite.instancePath) return reach.here.has(error.parentSchema);
  return error.instancePath.startsWith(`${composite.instancePath}/`) && reach.below.has(error.parentSchema);
}

/** The value is of another kind altogether, so the branch was not meant. */
function isKindError(error: ErrorObject, composite: ErrorObject): boolean {
  return error.instancePath === composite.instancePath && ["type", "const", "enum", "pattern", "anyOf", "oneOf"].includes(error.keyword);
}

const sameValue = ["allOf", "anyOf", "oneOf", "if", "then", "else", "not"];

function reachOf(root: object, branch: object): Reach {
  const here = new Set<unknown>();
  const below = new Set<unknown>();
  collect(root, branch, here, below);
  return { here, below };
}

function collect(root: object, schema: unknown, here: Set<unknown>, below: Set<unknown>): void {
  if (typeof schema !== "object" || schema === null || here.has(schema)) return;
  here.add(schema);
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === "$ref") collect(root, definition(root, String(value)), here, below);
    else if (sameValue.includes(keyword)) for (const part of [value].flat()) collect(root, part, here, below);
    else for (const part of nested(value)) collect(root, part, below, below);
  }
}

/** Schemas below "properties", "items" and the like, and what is no schema but does no harm. */
function nested(value: unknown): readonly unknown[] {
  return typeof value === "object" && value !== null ? [value, ...(Object.values(value) as readonly unknown[])] : [];
}

/** "#/$defs/name". */
function definition(root: object, reference: string): unknown {
  return reference
    .split("/")
    .slice(1)
    .reduce<unknown>((schema, part) => (schema as Record<string, unknown> | undefined)?.[part], root);
}
