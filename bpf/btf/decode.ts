// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import { type Encoded, encodeComposite, encodeValue } from "./encode.ts";
import { placeOf } from "./fields.ts";
import { readBits, readInteger } from "./integer.ts";
import { printAddress, printCidr, printHex } from "./print-address.ts";
import { resolveType, sizeOf } from "./resolve.ts";
import { type Shape, shapeOf } from "./shape.ts";
import type { Btf, BtfArray, BtfComposite, BtfMember, BtfType } from "./types.ts";

/** A value in the one form that decodeValue gives it. */
export type Decoded = bigint | number | string | boolean | readonly Decoded[] | DecodedMembers;

export interface DecodedMembers {
  readonly [name: string]: Decoded;
}

/**
 * What encodeValue would be given for these bytes: integers as bigint, enumerators by name, addresses and C strings as text, the
 * first member of a union that says it all, and "hex:…" where only the bytes themselves do (padding that is not zero).
 * Encoding the result gives the same bytes. Throws BtfError when the type has no layout, or another size.
 */
export function decodeValue(btf: Btf, type: number, bytes: Uint8Array): Decoded {
  const size = sizeOf(btf, type);
  if (bytes.length !== size) throw new BtfError(`BTF type ${type} has ${size} bytes, the value ${bytes.length}`);
  return decode(btf, type, bytes);
}

function decode(btf: Btf, id: number, bytes: Uint8Array): Decoded {
  const shape = shapeOf(btf, id);
  if (shape !== null) {
    const text = decodeShape(shape, bytes);
    if (reproduces(encodeValue(btf, id, text), bytes)) return text;
  }
  const { type, bigEndian } = resolveType(btf, id);
  const value = shape?.kind === "text" ? null : decodePlain(btf, type, bytes, bigEndian);
  return value !== null && reproduces(encodeValue(btf, id, value), bytes) ? value : printHex(bytes);
}

function decodeShape(shape: Shape, bytes: Uint8Array): string {
  switch (shape.kind) {
    case "address":
      return printAddress(bytes);
    case "cidr":
      return printCidr(bytes);
    case "text":
      return Buffer.from(bytes).toString("utf8").replace(/\0+$/, "");
    case "bytes":
      return printHex(bytes);
  }
}

function decodePlain(btf: Btf, type: BtfType, bytes: Uint8Array, bigEndian: boolean): Decoded | null {
  switch (type.kind) {
    case "struct":
    case "union":
      return decodeMembers(btf, type, bytes);
    case "array":
      return decodeItems(btf, type, bytes);
    case "float":
      return decodeFloat(bytes);
    default:
      return decodeInteger(type, (signed) => readInteger(bytes, signed, bigEndian));
  }
}

/** null when no member of a union says all that is in its bytes. */
function decodeMembers(btf: Btf, type: BtfComposite, bytes: Uint8Array): DecodedMembers | null {
  if (type.kind === "struct") {
    const parts = type.members.map((member) => decodeMember(btf, member, bytes));
    return parts.every((part) => part !== null) ? Object.fromEntries(parts.flatMap((part) => Object.entries(part))) : null;
  }
  for (const member of type.members) {
    const part = decodeMember(btf, member, bytes);
    if (part !== null && reproduces(encodeComposite(btf, type, part), bytes)) return part;
  }
  return null;
}

/** The member under its name; the members of an anonymous one as their parent's. Flexible arrays are left out: they hold nothing. */
function decodeMember(btf: Btf, member: BtfMember, bytes: Uint8Array): DecodedMembers | null {
  const place = placeOf(btf, member, bytes.length);
  const { type } = resolveType(btf, member.type);
  if (member.name === "") {
    const composite = (type.kind === "struct" || type.kind === "union") && place.kind === "bytes";
    return composite ? decodeMembers(btf, type, bytes.subarray(place.offset, place.offset + place.size)) : {};
  }
  if (place.kind === "bits") return { [member.name]: decodeInteger(type, (signed) => readBits(bytes, place, signed)) };
  if (place.size === 0) return {};
  return { [member.name]: decode(btf, member.type, bytes.subarray(place.offset, place.offset + place.size)) };
}

function decodeItems(btf: Btf, { element, count }: BtfArray, bytes: Uint8Array): readonly Decoded[] {
  if (bytes.length === 0) return [];
  const size = bytes.length / count;
  return Array.from({ length: count }, (_, index) => decode(btf, element, bytes.subarray(index * size, (index + 1) * size)));
}

function decodeFloat(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return view.getFloat32(0, true);
  return bytes.length === 8 ? view.getFloat64(0, true) : null;
}

function decodeInteger(type: BtfType, read: (signed: boolean) => bigint): Decoded {
  switch (type.kind) {
    case "int": {
      const value = read(type.encoding === "signed");
      return type.encoding === "bool" && value < 2n ? value === 1n : value;
    }
    case "enum":
    case "enum64": {
      const value = read(type.signed);
      return type.values.find((candidate) => candidate.value === value)?.name ?? value;
    }
    default:
      return read(false);
  }
}

function reproduces(encoded: Encoded, bytes: Uint8Array): boolean {
  return encoded.kind === "bytes" && Buffer.compare(encoded.bytes, bytes) === 0;
}
