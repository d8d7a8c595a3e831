// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import { type BitRange, bitRange, resolveType, sizeOf } from "./resolve.ts";
import type { Btf, BtfComposite, BtfMember } from "./types.ts";

/** A member that can be named in a value; those of anonymous structs and unions count as their parent's, as in C. */
export interface Field {
  readonly name: string;
  readonly type: number;
  readonly place: Place;
  /** The unions it is in, and which of their members it belongs to: two fields exclude each other when they differ in one. */
  readonly choices: readonly Choice[];
}

/** Whole bytes [offset, offset + size), or bits. */
export type Place = { readonly kind: "bytes"; readonly offset: number; readonly size: number } | ({ readonly kind: "bits" } & BitRange);

export interface Choice {
  readonly union: string;
  readonly member: number;
}

/** The fields of a struct or union. Throws BtfError for members that lie outside of it. */
export function fieldsOf(btf: Btf, type: BtfComposite): readonly Field[] {
  return collect(btf, type, { base: 0, size: type.size, choices: [], label: "" });
}

/** Where a member of a struct of `size` bytes lies. Throws BtfError when that is outside. */
export function placeOf(btf: Btf, member: BtfMember, size: number): Place {
  const range = bitRange(btf, member);
  if (range !== null) {
    if (range.offset + range.bits > size * 8) throw outside(member);
    return { kind: "bits", ...range };
  }
  const place = { kind: "bytes", offset: member.bitOffset / 8, size: sizeOf(btf, member.type) } as const;
  if (!Number.isInteger(place.offset) || place.offset + place.size > size) throw outside(member);
  return place;
}

interface Scope {
  readonly base: number;
  readonly size: number;
  readonly choices: readonly Choice[];
  /** Which anonymous members lead here: unique for each union. */
  readonly label: string;
}

function collect(btf: Btf, type: BtfComposite, scope: Scope): readonly Field[] {
  return type.members.flatMap((member, index) => {
    const place = shift(placeOf(btf, member, scope.size), scope.base);
    const choices = type.kind === "union" ? [...scope.choices, { union: scope.label, member: index }] : scope.choices;
    if (member.name !== "") return [{ name: member.name, type: member.type, place, choices }];
    const { type: inner } = resolveType(btf, member.type);
    if ((inner.kind !== "struct" && inner.kind !== "union") || place.kind === "bits") return [];
    const label = `${scope.label}.${index}`;
    return collect(btf, inner, { base: place.offset, size: place.size, choices, label });
  });
}

function shift(place: Place, base: number): Place {
  return place.kind === "bytes" ? { ...place, offset: base + place.offset } : { ...place, offset: base * 8 + place.offset };
}

function outside(member: BtfMember): BtfError {
  return new BtfError(`BTF member "${member.name}" at bit ${member.bitOffset} lies outside of its struct`);
}
