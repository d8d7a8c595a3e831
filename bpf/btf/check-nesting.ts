// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import type { Btf, BtfType } from "./types.ts";

/** The kernel follows 32 types into each other. */
const maximumHeight = 64;

/** More members than any struct of C has, those of its members counted: what would only cost time. */
const maximumParts = 1_000_000;

/**
 * Throws BtfError when a type contains itself, is nested deeper than the kernel allows, or unfolds to absurdly many parts.
 * Whoever walks a type that has passed may recurse without a guard.
 */
export function checkNesting(btf: Btf): void {
  const known = new Map<number, Extent>();
  for (let id = 1; id < btf.types.length; id++) measure(btf, id, 0, known);
}

interface Extent {
  readonly height: number;
  readonly parts: number;
}

function measure(btf: Btf, id: number, depth: number, known: Map<number, Extent>): Extent {
  const before = known.get(id);
  if (before !== undefined) return before;
  if (depth > maximumHeight) throw tooDeep(id);
  const inner = contained(btf.types[id] as BtfType).map((child) => measure(btf, child, depth + 1, known));
  const extent = {
    height: 1 + Math.max(0, ...inner.map(({ height }) => height)),
    parts: inner.reduce((sum, { parts }) => sum + parts, 1),
  };
  if (extent.height > maximumHeight) throw tooDeep(id);
  if (extent.parts > maximumParts) throw new BtfError(`BTF type ${id} unfolds to more than ${maximumParts} parts`);
  known.set(id, extent);
  return extent;
}

/** The types that lie in a value of this one; what a pointer points to does not. */
function contained(type: BtfType): readonly number[] {
  switch (type.kind) {
    case "typedef":
    case "const":
    case "volatile":
    case "restrict":
    case "type-tag":
    case "variable":
      return [type.type];
    case "array":
      return [type.element];
    case "struct":
    case "union":
      return type.members.map((member) => member.type);
    default:
      return [];
  }
}

function tooDeep(id: number): BtfError {
  return new BtfError(`BTF type ${id} contains itself, or is nested more than ${maximumHeight} deep`);
}
