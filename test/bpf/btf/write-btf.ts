// SPDX-License-Identifier: Apache-2.0
import { btfKind } from "../../../bpf/btf/record.ts";
import type { Btf, BtfType } from "../../../bpf/btf/types.ts";

/** The raw form of types, as readBtf takes it: for tests that make up their BTF. */
export function writeBtf({ types }: Btf): Uint8Array {
  const strings = new Strings();
  const body = Buffer.concat(types.slice(1).map((type) => writeType(type, strings)));
  const text = strings.bytes();
  return new Uint8Array(Buffer.concat([words(0x0001_eb9f, 24, 0, body.length, body.length, text.length), body, text]));
}

/** Little-endian 32-bit words; negative ones as they are stored. */
export function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeInt32LE(value | 0, index * 4);
  });
  return bytes;
}

class Strings {
  private readonly offsets = new Map([["", 0]]);
  private text = "\0";

  add(name: string): number {
    const known = this.offsets.get(name);
    if (known !== undefined) return known;
    const offset = Buffer.byteLength(this.text);
    this.offsets.set(name, offset);
    this.text += `${name}\0`;
    return offset;
  }

  bytes(): Buffer {
    return Buffer.from(this.text);
  }
}

const encodings = { unsigned: 0, signed: 1, char: 2, bool: 4 };
const linkages = { static: 0, global: 1, extern: 2 };

function writeType(type: BtfType, strings: Strings): Buffer {
  const head = (kind: number, name: string, sizeOrType: number, count = 0, flag = false) =>
    words(strings.add(name), (kind << 24) | count | (flag ? 0x8000_0000 : 0), sizeOrType);
  switch (type.kind) {
    case "void":
      throw new Error("void is not written");
    case "int":
      return Buffer.concat([
        head(btfKind.int, type.name, type.size),
        words((encodings[type.encoding] << 24) | (type.bitOffset << 16) | type.bits),
      ]);
    case "pointer":
      return head(btfKind.pointer, "", type.type);
    case "array":
      return Buffer.concat([head(btfKind.array, "", 0), words(type.element, type.index, type.count)]);
    case "struct":
    case "union": {
      const flag = type.members.some(({ bitSize }) => bitSize > 0);
      const members = type.members.map((member) => words(strings.add(member.name), member.type, member.bitOffset | (member.bitSize << 24)));
      return Buffer.concat([head(btfKind[type.kind], type.name, type.size, members.length, flag), ...members]);
    }
    case "enum": {
      const values = type.values.map(({ name, value }) => words(strings.add(name), Number(BigInt.asIntN(32, value))));
      return Buffer.concat([head(btfKind.enum, type.name, type.size, values.length, type.signed), ...values]);
    }
    case "enum64": {
      const values = type.values.map(({ name, value }) => words(strings.add(name), Number(value & 0xffff_ffffn), Number(value >> 32n)));
      return Buffer.concat([head(btfKind.enum64, type.name, type.size, values.length, type.signed), ...values]);
    }
    case "forward":
      return head(btfKind.forward, type.name, 0, 0, type.of === "union");
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
      return head(btfKind[type.kind], type.name, type.type);
    case "type-tag":
      return head(btfKind.typeTag, type.name, type.type);
    case "function":
      return head(btfKind.function, type.name, type.type, linkages[type.linkage]);
    case "prototype": {
      const parameters = type.parameters.map(({ name, type: id }) => words(strings.add(name), id));
      return Buffer.concat([head(btfKind.prototype, "", type.returns, parameters.length), ...parameters]);
    }
    case "variable":
      return Buffer.concat([head(btfKind.variable, type.name, type.type), words(linkages[type.linkage])]);
    case "section": {
      const placements = type.variables.map(({ type: id, offset, size }) => words(id, offset, size));
      return Buffer.concat([head(btfKind.section, type.name, type.size, placements.length), ...placements]);
    }
    case "float":
      return head(btfKind.float, type.name, type.size);
    case "declaration-tag":
      return Buffer.concat([head(btfKind.declarationTag, type.name, type.type), words(type.component)]);
  }
}
