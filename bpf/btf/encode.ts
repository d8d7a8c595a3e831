// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import { encodeEnum, encodeFloat, encodeInteger } from "./encode-scalar.ts";
import { encodeHex, encodeText, isHex } from "./encode-text.ts";
import { type Field, fieldsOf, type Place } from "./fields.ts";
import { writeBits, writeInteger } from "./integer.ts";
import { type Misfit, type Problem, quoteValue } from "./problem.ts";
import { resolveType, sizeOf } from "./resolve.ts";
import { shapeOf } from "./shape.ts";
import { listWords, suggest } from "./suggest.ts";
import type { Btf, BtfArray, BtfComposite } from "./types.ts";

export type Encoded = EncodedBytes | EncodeProblems;

export interface EncodedBytes {
  readonly kind: "bytes";
  readonly bytes: Uint8Array;
}

/** Everything that is wrong with the value, not just the first. */
export interface EncodeProblems {
  readonly kind: "problems";
  readonly problems: readonly Problem[];
}

/**
 * The bytes of a value as YAML gives it (bigint, number, string, boolean, list, mapping or Map) in the layout of a BTF type.
 * Members that are absent, and list items beyond the last, are zero. `place` is put before the path of every problem.
 * Throws BtfError when the type has no layout; what is wrong with the value is returned.
 */
export function encodeValue(btf: Btf, type: number, value: unknown, place: readonly (string | number)[] = []): Encoded {
  const bytes = new Uint8Array(sizeOf(btf, type));
  const problems: Problem[] = [];
  encodeInto({ btf, problems, path: place }, type, value, bytes);
  return problems.length === 0 ? { kind: "bytes", bytes } : { kind: "problems", problems };
}

/** encodeValue for a struct or union that is at hand. */
export function encodeComposite(btf: Btf, type: BtfComposite, value: unknown): Encoded {
  const bytes = new Uint8Array(type.size);
  const problems: Problem[] = [];
  encodeMembers({ btf, problems, path: [] }, type, value, bytes);
  return problems.length === 0 ? { kind: "bytes", bytes } : { kind: "problems", problems };
}

/** The bytes of a value where no BTF says its layout: an unsigned integer of 1, 2, 4 or 8 bytes, or "hex:…" of exactly `size` bytes. */
export function encodeRaw(size: number, value: unknown, place: readonly (string | number)[] = []): Encoded {
  const bytes = new Uint8Array(size);
  const problems: Problem[] = [];
  const scope: Scope = { btf: { types: [] }, problems, path: place };
  const integer = size === 1 || size === 2 || size === 4 || size === 8;
  if (integer && !isHex(value)) {
    const result = encodeInteger(value, { bits: size * 8, signed: false, bigEndian: false }, false);
    if (typeof result === "bigint") writeInteger(bytes, result, false);
    else report(scope, result);
  } else {
    bytes.set(accept(scope, encodeHex(value, size)) ?? []);
  }
  return problems.length === 0 ? { kind: "bytes", bytes } : { kind: "problems", problems };
}

interface Scope {
  readonly btf: Btf;
  readonly problems: Problem[];
  readonly path: readonly (string | number)[];
}

function encodeInto(scope: Scope, id: number, value: unknown, target: Uint8Array): void {
  if (isHex(value)) {
    target.set(accept(scope, encodeHex(value, target.length)) ?? []);
    return;
  }
  const shape = shapeOf(scope.btf, id);
  if (shape !== null && typeof value === "string" && !(shape.kind === "address" && isNumeral(value) && isInteger(scope.btf, id))) {
    target.set(accept(scope, encodeText(shape, value, target.length)) ?? []);
    return;
  }
  const { type } = resolveType(scope.btf, id);
  switch (type.kind) {
    case "struct":
    case "union":
      encodeMembers(scope, type, value, target);
      return;
    case "array":
      encodeItems(scope, type, value, target);
      return;
    default:
      encodeScalar(scope, id, value, { kind: "bytes", offset: 0, size: target.length }, target);
  }
}

function encodeMembers(scope: Scope, type: BtfComposite, value: unknown, target: Uint8Array): void {
  const given = entriesOf(value);
  if (given === null) {
    report(scope, { code: "wrong-type", message: `Value ${quoteValue(value)} is not a mapping of ${nameOf(type)}`, hint: null });
    return;
  }
  const fields = fieldsOf(scope.btf, type);
  const used: Field[] = [];
  for (const [name, item] of given) {
    const inner = { ...scope, path: [...scope.path, name] };
    const field = fields.find((candidate) => candidate.name === name);
    const rival = field && used.find((other) => excludes(other, field));
    if (field === undefined) report(inner, unknownMember(type, name, fields));
    else if (rival !== undefined) report(inner, exclusive(rival.name, name));
    else {
      used.push(field);
      encodePlaced(inner, field, item, target);
    }
  }
}

function encodePlaced(scope: Scope, { type, place }: Field, value: unknown, target: Uint8Array): void {
  if (place.kind === "bits") encodeScalar(scope, type, value, place, target);
  else encodeInto(scope, type, value, target.subarray(place.offset, place.offset + place.size));
}

function encodeItems(scope: Scope, type: BtfArray, value: unknown, target: Uint8Array): void {
  if (!Array.isArray(value)) {
    report(scope, { code: "wrong-type", message: `Value ${quoteValue(value)} is not a list of at most ${type.count} items`, hint: null });
    return;
  }
  if (value.length > type.count) {
    report(scope, { code: "too-long", message: `List of ${value.length} items does not fit: at most ${type.count}`, hint: null });
    return;
  }
  const size = sizeOf(scope.btf, type.element);
  value.forEach((item: unknown, index) => {
    encodeInto({ ...scope, path: [...scope.path, index] }, type.element, item, target.subarray(index * size, (index + 1) * size));
  });
}

function encodeScalar(scope: Scope, id: number, value: unknown, place: Place, target: Uint8Array): void {
  const { type, bigEndian } = resolveType(scope.btf, id);
  const bits = place.kind === "bits" ? place.bits : place.size * 8;
  let result: bigint | Misfit;
  switch (type.kind) {
    case "int":
      result = encodeInteger(value, { bits, signed: type.encoding === "signed", bigEndian }, type.encoding === "bool");
      break;
    case "enum":
    case "enum64":
      result = encodeEnum(value, type, bits);
      break;
    case "float":
      result = encodeFloat(value, type.size);
      break;
    case "pointer":
      result = encodeInteger(value, { bits, signed: false, bigEndian: false }, false);
      break;
    default:
      throw new BtfError(`BTF type ${id} has no values: it leads to a ${type.kind}`);
  }
  if (typeof result !== "bigint") report(scope, result);
  else if (place.kind === "bits") writeBits(target, place, result);
  else writeInteger(target, result, bigEndian);
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | null {
  if (value instanceof Map) return Array.from(value, ([name, item]: [unknown, unknown]) => [String(name), item] as const);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
}

function excludes(one: Field, other: Field): boolean {
  return one.choices.some((mine) => other.choices.some((theirs) => mine.union === theirs.union && mine.member !== theirs.member));
}

function unknownMember(type: BtfComposite, name: string, fields: readonly Field[]): Misfit {
  const names = fields.map((field) => field.name);
  const message = `Unknown member "${name}" of ${nameOf(type)}: expected ${listWords(names)}`;
  return { code: "unknown-member", message, hint: suggest(name, names) };
}

function exclusive(first: string, second: string): Misfit {
  const message = `Members "${first}" and "${second}" share their bytes: give one of them`;
  return { code: "exclusive-members", message, hint: null };
}

function nameOf(type: BtfComposite): string {
  return type.name === "" ? `the ${type.kind}` : `${type.kind} ${type.name}`;
}

function isNumeral(text: string): boolean {
  return /^(?:\d+|0x[0-9a-fA-F]+)$/.test(text);
}

function isInteger(btf: Btf, id: number): boolean {
  return resolveType(btf, id).type.kind === "int";
}

function accept(scope: Scope, result: Uint8Array | Misfit): Uint8Array | null {
  if (result instanceof Uint8Array) return result;
  report(scope, result);
  return null;
}

function report(scope: Scope, misfit: Misfit): void {
  scope.problems.push({ path: scope.path, ...misfit });
}
