// SPDX-License-Identifier: Apache-2.0
import { type IntegerLayout, integerRange } from "./integer.ts";
import { type Misfit, quoteValue } from "./problem.ts";
import { listWords, suggest } from "./suggest.ts";
import type { BtfEnum } from "./types.ts";

/** The integer that a value of a policy stands for: a number, decimal or "0x…" text, and true or false where it is a boolean. */
export function encodeInteger(value: unknown, layout: IntegerLayout, boolean: boolean): bigint | Misfit {
  const integer = boolean && typeof value === "boolean" ? BigInt(value) : toInteger(value);
  if (integer === null) return notAnInteger(value, layout, boolean);
  const [lowest, highest] = boolean ? [0n, 1n] : integerRange(layout);
  if (integer >= lowest && integer <= highest) return integer;
  return { code: "out-of-range", message: `Value ${quoteValue(value)} does not fit ${describe(layout, boolean)}`, hint: null };
}

/** The number behind the name of an enumerator, or a number that fits. */
export function encodeEnum(value: unknown, type: BtfEnum, bits: number): bigint | Misfit {
  const layout = { bits, signed: type.signed, bigEndian: false };
  const named = type.values.find(({ name }) => name === value);
  if (named !== undefined) return encodeInteger(named.value, layout, false);
  if (toInteger(value) !== null) return encodeInteger(value, layout, false);
  const names = type.values.map(({ name }) => name);
  const message = `Unknown value ${quoteValue(value)} of ${type.name === "" ? "the enum" : `enum ${type.name}`}: expected ${listWords(names)}`;
  return { code: "unknown-value", message, hint: suggest(String(value), names) };
}

/** The bits of a float of 4 or 8 bytes. */
export function encodeFloat(value: unknown, size: number): bigint | Misfit {
  if (size !== 4 && size !== 8) {
    return {
      code: "wrong-type",
      message: `Value ${quoteValue(value)} cannot be written as a float of ${size} bytes`,
      hint: 'write "hex:…"',
    };
  }
  if (typeof value !== "number" && typeof value !== "bigint") {
    return { code: "wrong-type", message: `Value ${quoteValue(value)} is not a number`, hint: null };
  }
  const number = Number(value);
  const view = new DataView(new ArrayBuffer(8));
  if (size === 8) view.setFloat64(0, number, true);
  else view.setFloat32(0, number, true);
  if (size === 4 && Number.isFinite(number) && !Number.isFinite(view.getFloat32(0, true))) {
    return { code: "out-of-range", message: `Value ${quoteValue(value)} does not fit a float of 4 bytes`, hint: null };
  }
  return view.getBigUint64(0, true);
}

function toInteger(value: unknown): bigint | null {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : null;
  return typeof value === "string" && /^(?:-?\d+|0x[0-9a-fA-F]+)$/.test(value) ? BigInt(value) : null;
}

function notAnInteger(value: unknown, layout: IntegerLayout, boolean: boolean): Misfit {
  if (boolean) return { code: "wrong-type", message: `Value ${quoteValue(value)} is not a boolean`, hint: "write true or false" };
  const address = typeof value === "string" && /^[0-9a-fA-F]*[.:][0-9a-fA-F.:]*$/.test(value);
  return {
    code: "wrong-type",
    message: `Value ${quoteValue(value)} is not ${describe(layout, false)}`,
    hint: address ? "an address as text needs a type in network order, such as __be32, or bytes" : null,
  };
}

function describe(layout: IntegerLayout, boolean: boolean): string {
  if (boolean) return "a boolean: true or false";
  const [lowest, highest] = integerRange(layout);
  return `${layout.signed ? "a signed" : "an unsigned"} ${layout.bits}-bit integer: ${lowest} to ${highest}`;
}
