// SPDX-License-Identifier: Apache-2.0
import { describeType } from "./describe.ts";
import { fieldsOf } from "./fields.ts";
import { resolveType, sizeOf, typeAt, variables } from "./resolve.ts";
import type { Btf } from "./types.ts";

/** A part of a value that has a name and no named parts itself: a number, a pointer, an array. Plain data. */
export interface FieldLayout {
  /** "stats.packets"; "" for a value that is one number or array. */
  readonly path: string;
  /** Bytes from the start of the value. */
  readonly offset: number;
  /** Of one element, in bytes. */
  readonly size: number;
  /** 1 for what is no array. */
  readonly count: number;
  /** What an element is, as describeType() says it: "u64", "i32". */
  readonly as: string;
}

/**
 * The named parts of a type in the order of their offsets, those of structs within structs by their paths. Bitfields, and members of
 * unions, which may hold something else, are not among them. Throws BtfError for what has no layout.
 */
export function layoutOf(btf: Btf, type: number): readonly FieldLayout[] {
  if (typeAt(btf, type).kind === "section") {
    return variables(btf, type).flatMap(({ name, type: id, offset }) => leaves(btf, id, name, offset));
  }
  return leaves(btf, type, "", 0);
}

function leaves(btf: Btf, id: number, path: string, offset: number): readonly FieldLayout[] {
  const { type } = resolveType(btf, id);
  if (type.kind === "union") return [];
  if (type.kind === "struct") {
    return fieldsOf(btf, type).flatMap(({ name, type: member, place, choices }) =>
      place.kind === "bits" || choices.length > 0 ? [] : leaves(btf, member, path === "" ? name : `${path}.${name}`, offset + place.offset),
    );
  }
  if (type.kind === "array") {
    return [{ path, offset, size: sizeOf(btf, type.element), count: type.count, as: describeType(btf, type.element) }];
  }
  return [{ path, offset, size: sizeOf(btf, id), count: 1, as: describeType(btf, id) }];
}
