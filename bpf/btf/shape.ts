// SPDX-License-Identifier: Apache-2.0
import { resolveType, sizeOf } from "./resolve.ts";
import type { Btf, BtfArray, BtfComposite, BtfMember } from "./types.ts";

/**
 * Types for which people write one text instead of numbers: addresses, C strings, other bytes, and the keys of longest-prefix
 * tries. `size` is that of the address.
 */
export type Shape = AddressShape | CidrShape | { readonly kind: "text" } | { readonly kind: "bytes" };

export interface AddressShape {
  readonly kind: "address";
  readonly size: 4 | 6 | 16;
}

export interface CidrShape {
  readonly kind: "cidr";
  readonly size: 4 | 16;
}

/** The shape of a type; null for one that is written as what it is. */
export function shapeOf(btf: Btf, id: number): Shape | null {
  const { type, bigEndian } = resolveType(btf, id);
  switch (type.kind) {
    case "int":
      return bigEndian && type.size === 4 ? { kind: "address", size: 4 } : null;
    case "array":
      return arrayShape(btf, type);
    case "struct":
      return structShape(btf, type);
    default:
      return null;
  }
}

function arrayShape(btf: Btf, { element, count }: BtfArray): Shape | null {
  const { type, bigEndian } = resolveType(btf, element);
  if (type.kind !== "int") return null;
  if (bigEndian) return type.size * count === 16 && type.size < 8 ? { kind: "address", size: 16 } : null;
  if (type.size !== 1 || type.encoding === "bool") return null;
  if (type.name === "char" || type.encoding === "char") return { kind: "text" };
  if (type.encoding === "signed") return null;
  return count === 4 || count === 6 || count === 16 ? { kind: "address", size: count } : { kind: "bytes" };
}

function structShape(btf: Btf, type: BtfComposite): Shape | null {
  if (type.name === "in_addr" && type.size === 4) return { kind: "address", size: 4 };
  if (type.name === "in6_addr" && type.size === 16) return { kind: "address", size: 16 };
  const size = type.size - 4;
  const [prefix, address, another] = type.members;
  if ((size !== 4 && size !== 16) || prefix === undefined || address === undefined || another !== undefined) return null;
  if (address.bitOffset !== 32 || address.bitSize !== 0 || !isPrefixLength(btf, prefix)) return null;
  return isAddressLike(btf, address.type) && sizeOf(btf, address.type) === size ? { kind: "cidr", size } : null;
}

/** "prefixlen", "prefix_len", "plen", "masklen" and the like, or the kernel's own header of such keys. */
function isPrefixLength(btf: Btf, member: BtfMember): boolean {
  const { type, bigEndian } = resolveType(btf, member.type);
  if (member.bitOffset !== 0 || member.bitSize !== 0 || bigEndian) return false;
  if (type.kind === "int") return type.size === 4 && /prefix|plen|mask/i.test(member.name);
  return type.kind === "struct" && type.size === 4 && type.name.startsWith("bpf_lpm_trie_key");
}

/** In network order whatever the type says: nothing else makes sense in such a key. */
function isAddressLike(btf: Btf, id: number): boolean {
  const { type } = resolveType(btf, id);
  const word = type.kind === "array" ? resolveType(btf, type.element).type : type;
  return (word.kind === "int" && word.size === 4) || type.kind === "union" || shapeOf(btf, id)?.kind === "address";
}
