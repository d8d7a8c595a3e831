// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import type { Btf, BtfMember, BtfType } from "./types.ts";

/** A type without its typedefs and qualifiers. */
export interface Resolved {
  readonly id: number;
  readonly type: BtfType;
  /** One of the typedefs was __be16, __be32 or __be64. */
  readonly bigEndian: boolean;
}

/** A global variable in its section. */
export interface Variable {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/** Where the bits of a bitfield lie, counted from the least significant bit of its struct's first byte. */
export interface BitRange {
  readonly offset: number;
  readonly bits: number;
}

/** 1 GiB: no map holds a larger value, and hostile BTF must not make us ask for one. */
const maximumSize = 2 ** 30;

/** The type of an id; throws BtfError for one that does not exist. */
export function typeAt(btf: Btf, id: number): BtfType {
  const type = btf.types[id];
  if (type === undefined) throw new BtfError(`BTF has no type ${id}, the last one is ${btf.types.length - 1}`);
  return type;
}

/** Skips typedef, const, volatile, restrict, type tags and the variable itself. */
export function resolveType(btf: Btf, id: number): Resolved {
  let bigEndian = false;
  let current = id;
  for (;;) {
    const type = typeAt(btf, current);
    switch (type.kind) {
      case "typedef":
        bigEndian ||= /^__be(?:16|32|64)$/.test(type.name);
        current = type.type;
        break;
      case "const":
      case "volatile":
      case "restrict":
      case "type-tag":
      case "variable":
        current = type.type;
        break;
      default:
        return { id: current, type, bigEndian };
    }
  }
}

/** Bytes that a value of the type takes. Throws BtfError for what has no values (void, functions, forward declarations). */
export function sizeOf(btf: Btf, id: number): number {
  let count = 1;
  let { type } = resolveType(btf, id);
  while (type.kind === "array") {
    count *= type.count;
    type = resolveType(btf, type.element).type;
  }
  const size = count * sizeOfPlain(id, type);
  if (!(size <= maximumSize)) throw new BtfError(`BTF type ${id} takes ${size} bytes, more than any map holds`);
  return size;
}

/** The id of the section of global variables of this name (".rodata"); null when there is none. */
export function findSection(btf: Btf, name: string): number | null {
  const id = btf.types.findIndex((type) => type.kind === "section" && type.name === name);
  return id < 0 ? null : id;
}

/** The variables of a section, in its order. Throws BtfError when the type is no section. */
export function variables(btf: Btf, section: number): readonly Variable[] {
  const type = typeAt(btf, section);
  if (type.kind !== "section") throw new BtfError(`BTF type ${section} is no section of variables but a ${type.kind}`);
  return type.variables.map((placement) => {
    const variable = typeAt(btf, placement.type);
    if (variable.kind !== "variable") throw new BtfError(`Section "${type.name}" holds BTF type ${placement.type}, which is no variable`);
    return { name: variable.name, type: variable.type, offset: placement.offset, size: placement.size };
  });
}

/** The bits of a member that is a bitfield, in either of the two ways to say so; null for one of whole bytes. */
export function bitRange(btf: Btf, member: BtfMember): BitRange | null {
  if (member.bitSize > 0) return { offset: member.bitOffset, bits: member.bitSize };
  const { type } = resolveType(btf, member.type);
  if (type.kind !== "int" || type.bits === type.size * 8) return null;
  return { offset: member.bitOffset + type.bitOffset, bits: type.bits };
}

function sizeOfPlain(id: number, type: BtfType): number {
  switch (type.kind) {
    case "int":
    case "struct":
    case "union":
    case "enum":
    case "enum64":
    case "float":
    case "section":
      return type.size;
    case "pointer":
      return 8;
    default:
      throw new BtfError(`BTF type ${id} has no size: it leads to a ${type.kind}`);
  }
}
