// SPDX-License-Identifier: Apache-2.0
import type { ErrorObject } from "ajv/dist/2020.js";
import { didYouMean, oneOf, showValue } from "./suggest.ts";

/** A schema error in words. */
export interface SchemaMessage {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Below the value the error is about: the key that should not be there, or the item that stands twice. */
  readonly inside: string | number | null;
  /** Point at the key, not at its value. */
  readonly aboutKey: boolean;
}

/**
 * Puts an error of the validator into words. `name` is the last part of the path that is a key, null at the root;
 * `isItem` says that the value is an item of the list of that name.
 */
export function schemaMessage(error: ErrorObject, name: string | null, isItem: boolean): SchemaMessage {
  const subject = subjectOf(name, isItem);
  const value = showValue(error.data);
  const of = name === null ? "" : ` ${isItem ? "in" : "of"} "${name}"`;
  const { params } = error;
  if (error.propertyName !== undefined) return keyMessage(error, error.propertyName);
  switch (error.keyword) {
    case "additionalProperties":
    case "unevaluatedProperties":
      return unknownKey(error, String(params["additionalProperty"] ?? params["unevaluatedProperty"]));
    case "required":
      return said(
        "missing-key",
        `Key "${params["missingProperty"]}" is missing${name === null ? "" : isItem ? ` in an item of "${name}"` : ` in "${name}"`}`,
      );
    case "dependentRequired":
      return {
        ...said("missing-key", `Key "${params["property"]}" needs the key "${params["missingProperty"]}" beside it`),
        inside: String(params["property"]),
        aboutKey: true,
      };
    case "type":
      return typeMessage(error, subject, value);
    case "enum":
    case "const":
      return enumMessage(error, subject, of);
    case "pattern":
      return said("bad-format", `Value ${value}${of} is not allowed: expected ${expectedBy(error)}`);
    case "minimum":
    case "exclusiveMinimum":
      return said("out-of-range", `Value ${value}${of} is too small: expected ${bound(error)}`);
    case "maximum":
    case "exclusiveMaximum":
      return said("out-of-range", `Value ${value}${of} is too big: expected ${bound(error)}`);
    case "multipleOf":
      return said("out-of-range", `Value ${value}${of} is not a multiple of ${params["multipleOf"]}`);
    case "minLength":
      return said("out-of-range", `Value ${value}${of} is too short: expected at least ${count(params["limit"], "character")}`);
    case "maxLength":
      return said("out-of-range", `Value ${value}${of} is too long: expected at most ${count(params["limit"], "character")}`);
    case "minItems":
      return said("out-of-range", `${subject} has ${count(lengthOf(error.data), "item")}: expected at least ${params["limit"]}`);
    case "maxItems":
      return said("out-of-range", `${subject} has ${count(lengthOf(error.data), "item")}: expected at most ${params["limit"]}`);
    case "minProperties":
      return said("out-of-range", `${subject} is empty: expected ${someOf(error)}`);
    case "maxProperties":
      return said("out-of-range", `${subject} has ${count(lengthOf(error.data), "key")}: expected at most ${params["limit"]}`);
    case "uniqueItems":
      return {
        ...said("duplicate-item", `${subject} holds ${showValue(itemOf(error.data, params["i"]))} twice`),
        inside: secondOf(params),
      };
    case "anyOf":
    case "oneOf":
      return said("wrong-type", `${subject} must be ${alternatives(error)}, not ${value}`, didYouMean(String(error.data), wordsOf(error)));
    default:
      return said(
        "not-allowed",
        `${subject} ${expected(error) === null ? (error.message ?? "is not allowed") : `must be ${expected(error)}`}`,
      );
  }
}

function subjectOf(name: string | null, isItem: boolean): string {
  if (name === null) return "The policy";
  return isItem ? `An item of "${name}"` : `"${name}"`;
}

function said(code: string, message: string, hint: string | null = null): SchemaMessage {
  return { code, message, hint, inside: null, aboutKey: false };
}

function unknownKey(error: ErrorObject, key: string): SchemaMessage {
  const allowed = Object.keys((error.parentSchema?.["properties"] ?? {}) as object);
  const known = allowed.length === 0 ? "" : `: expected ${oneOf(allowed)}`;
  return { ...said("unknown-key", `Unknown key "${key}"${known}`, didYouMean(key, allowed)), inside: key, aboutKey: true };
}

function keyMessage(error: ErrorObject, key: string): SchemaMessage {
  return { ...said("bad-format", `Key ${showValue(key)} is not allowed: expected ${expectedBy(error)}`), inside: key, aboutKey: true };
}

function typeMessage(error: ErrorObject, subject: string, value: string): SchemaMessage {
  const types = [error.params["type"]].flat() as string[];
  if (typeof error.data === "bigint" && types.some((type) => type === "integer" || type === "number")) {
    const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = (error.parentSchema ?? {}) as Readonly<
      Record<string, number>
    >;
    const [word, limit] = error.data > 0n ? ["big", `at most ${maximum}`] : ["small", `at least ${minimum}`];
    return said("out-of-range", `Value ${value} of ${subject} is too ${word}: expected ${limit}`);
  }
  const isUnquoted = types.includes("string") && ["number", "bigint", "boolean"].includes(typeof error.data);
  const message = `${subject} must be ${expected(error) ?? types.map(typeName).join(" or ")}, not ${value}`;
  return said("wrong-type", message, isUnquoted ? "put it in quotes" : null);
}

function enumMessage(error: ErrorObject, subject: string, of: string): SchemaMessage {
  const allowed = (error.keyword === "const" ? [error.params["allowedValue"]] : error.params["allowedValues"]) as readonly unknown[];
  const words = allowed.map(String);
  if (typeof error.data === "object") return said("wrong-type", `${subject} must be ${oneOf(words)}, not ${showValue(error.data)}`);
  return said(
    "not-one-of",
    `Unknown value ${showValue(error.data)}${of}: expected ${oneOf(words)}`,
    didYouMean(`${error.data as string | number}`, words),
  );
}

function alternatives(error: ErrorObject): string {
  const branches = (error.params["branches"] ?? []) as readonly ErrorObject[];
  const words = expected(error) === null ? branches.map(alternative) : [String(expected(error))];
  const distinct = [...new Set(words)];
  return distinct.length === 0 ? "exactly one of its forms" : distinct.join(" or ");
}

/** The words that any of the alternatives allows. */
function wordsOf(error: ErrorObject): readonly string[] {
  const branches = (error.params["branches"] ?? []) as readonly ErrorObject[];
  return branches.flatMap((branch) => [branch.params["allowedValues"] ?? []].flat().map(String));
}

function alternative(error: ErrorObject): string {
  if (error.keyword === "type") return expected(error) ?? [error.params["type"]].flat().map(String).map(typeName).join(" or ");
  if (error.keyword === "pattern") return expectedBy(error);
  return oneOf([error.params["allowedValues"] ?? error.params["allowedValue"]].flat().map(String));
}

/** The schema's own words for what it takes. */
function expected(error: ErrorObject): string | null {
  const words: unknown = error.parentSchema?.["x-expected"];
  return typeof words === "string" ? words : null;
}

function expectedBy(error: ErrorObject): string {
  return expected(error) ?? `a match of ${error.params["pattern"]}`;
}

function bound(error: ErrorObject): string {
  const words: Readonly<Record<string, string>> = { ">=": "at least", "<=": "at most", ">": "more than", "<": "less than" };
  return `${words[String(error.params["comparison"])]} ${error.params["limit"]}`;
}

function someOf(error: ErrorObject): string {
  const names = Object.keys((error.parentSchema?.["properties"] ?? {}) as object);
  return names.length === 0 ? `at least ${count(error.params["limit"], "key")}` : oneOf(names);
}

function typeName(type: string): string {
  const names: Readonly<Record<string, string>> = {
    object: "a mapping",
    array: "a list",
    string: "text",
    integer: "a whole number",
    number: "a number",
    boolean: "true or false",
    null: "empty",
  };
  return names[type] ?? type;
}

function count(number: unknown, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? "" : "s"}`;
}

function lengthOf(data: unknown): number {
  return Array.isArray(data) ? data.length : Object.keys(data as object).length;
}

/** The later of two equal items. */
export function secondOf(params: Readonly<Record<string, unknown>>): number {
  return Math.max(Number(params["i"]), Number(params["j"]));
}

function itemOf(data: unknown, index: unknown): unknown {
  return Array.isArray(data) ? data[Number(index)] : undefined;
}
