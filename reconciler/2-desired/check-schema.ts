// SPDX-License-Identifier: Apache-2.0
import type { ErrorObject } from "ajv/dist/2020.js";
import { schemaErrors } from "./schema-errors.ts";
import { type SchemaMessage, schemaMessage, secondOf } from "./schema-messages.ts";
import { type Complaint, diagnose, type Report, type SourceFile } from "./source-file.ts";
import { entryOf, nodeAt, placeAt, type YamlNode, type YamlPath, type YamlSpan } from "./yaml-tree.ts";

/** Which parts of a value fit the schema, so that checks that need them go on although others are wrong. */
export interface SchemaFit {
  /** Nothing is wrong at the path, below it, or on the way to it. */
  fits(path: YamlPath): boolean;
}

/** More of them help nobody, and a hostile file can have a million. */
const mostErrors = 100;

/** Reports everything that breaks the schema in the value at `base` below `root`. `value` is its plain form. */
export function checkSchema(schema: object, value: unknown, source: SourceFile, root: YamlNode, base: YamlPath, report: Report): SchemaFit {
  const all = schemaErrors(schema, value);
  const errors = withoutEchoes(all.slice(0, mostErrors));
  for (const error of errors) report(diagnose(source, complaintOf(error, root, base)));
  const broken = errors.map(brokenPath);
  return { fits: (path) => all.length <= mostErrors && !broken.some((wrong) => isPrefix(wrong, path) || isPrefix(path, wrong)) };
}

function complaintOf(error: ErrorObject, root: YamlNode, base: YamlPath): Complaint {
  const path = [...base, ...pathOf(error)];
  const name = path.findLast((part): part is string => typeof part === "string") ?? null;
  const isItem = typeof path.at(-1) === "number";
  const words = schemaMessage(error, name, isItem);
  const { code, message, hint } = words;
  return { code, message, hint, ...placeOf(words, root, path) };
}

function placeOf(words: SchemaMessage, root: YamlNode, path: YamlPath): YamlSpan {
  if (words.inside === null) return placeAt(root, path);
  if (words.aboutKey) return entryOf(nodeAt(root, path), String(words.inside))?.key ?? placeAt(root, path);
  return placeAt(root, [...path, words.inside]);
}

/** ajv's "/xdp/chain/0" as a path. */
function pathOf(error: ErrorObject): YamlPath {
  const parts = error.instancePath.split("/").slice(1);
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll("~1", "/").replaceAll("~0", "~")));
}

/** What cannot be used: of a mapping with a stranger or a gap only that key, so that the rest is still checked. */
function brokenPath(error: ErrorObject): YamlPath {
  const { additionalProperty, missingProperty } = error.params as Readonly<Record<string, string | undefined>>;
  const inside = additionalProperty ?? missingProperty ?? (error.keyword === "uniqueItems" ? secondOf(error.params) : undefined);
  return inside === undefined ? pathOf(error) : [...pathOf(error), inside];
}

function isPrefix(short: YamlPath, long: YamlPath): boolean {
  return short.length <= long.length && short.every((part, index) => String(part) === String(long[index]));
}

/** Leaves out what only follows from another error: a key that is missing because it is misspelt. */
function withoutEchoes(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  return errors.filter((error) => {
    if (error.keyword !== "required") return true;
    const strangers = errors.filter((other) => other.keyword === "additionalProperties" && other.instancePath === error.instancePath);
    return !strangers.some((stranger) => explainsMissing(stranger, String(error.params["missingProperty"])));
  });
}

function explainsMissing(stranger: ErrorObject, missing: string): boolean {
  return schemaMessage(stranger, null, false).hint === `did you mean "${missing}"?`;
}
