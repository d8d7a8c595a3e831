// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import { fieldsOf } from "./fields.ts";
import { resolveType } from "./resolve.ts";
import type { Btf, BtfType } from "./types.ts";

/**
 * What decides whether bytes written under one type keep their meaning under another: names, offsets, sizes and signs of all
 * members, whatever the types themselves are called. Equal for two objects that lay a type out alike; type 0 is "none".
 * Its digest is part of a map's incarnation, so a change of this text makes every host start with fresh maps.
 */
export function describeType(btf: Btf, type: number): string {
  const parts: string[] = [];
  const root = type === 0 ? "none" : describe({ btf, parts, known: new Map() }, type);
  return [...parts.map((part, index) => `#${index} ${part}`), root].join("\n");
}

interface Scope {
  readonly btf: Btf;
  /** Structs in the order in which they are completed; two that are alike share one place. */
  readonly parts: string[];
  readonly known: Map<number, string>;
}

function describe(scope: Scope, id: number): string {
  const { id: plain, type } = resolveType(scope.btf, id);
  const text = scope.known.get(plain) ?? describePlain(scope, plain, type);
  scope.known.set(plain, text);
  return text;
}

function describePlain(scope: Scope, id: number, type: BtfType): string {
  switch (type.kind) {
    case "int":
      return `${type.encoding === "signed" ? "i" : "u"}${type.bits}`;
    case "enum":
    case "enum64":
      return `e${type.size * 8}`;
    case "float":
      return `f${type.size * 8}`;
    case "pointer":
      return "pointer";
    case "array":
      return `[${type.count}]${describe(scope, type.element)}`;
    case "struct":
    case "union": {
      const members = fieldsOf(scope.btf, type).map(({ name, type: member, place }) => {
        const bits = place.kind === "bits" ? ` bits ${place.offset}+${place.bits}` : ` @${place.offset}`;
        return `${name}${bits} ${describe(scope, member)}`;
      });
      return intern(scope, `${type.size} {${members.join(", ")}}`);
    }
    default:
      throw new BtfError(`BTF type ${id} has no layout: it is a ${type.kind}`);
  }
}

function intern(scope: Scope, text: string): string {
  const index = scope.parts.indexOf(text);
  return `#${index < 0 ? scope.parts.push(text) - 1 : index}`;
}
