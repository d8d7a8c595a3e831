// SPDX-License-Identifier: Apache-2.0
import type { FieldLayout } from "./layout.ts";

/** How a value of one layout becomes one of another: parts of one name keep what they hold. Plain data. */
export interface FieldMatch {
  readonly moves: readonly FieldMove[];
  /** Paths of parts that only the old layout has, or that do not fit where they are now. */
  readonly dropped: readonly string[];
  /** Paths of parts that start as zeros. */
  readonly added: readonly string[];
}

/** Copies `size` bytes; behind them stand `extend` more, filled with the sign. Numbers are little-endian. */
export interface FieldMove {
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly extend: number;
}

/** Matches parts by their paths. A number may grow, an array may grow or be cut; whatever else changes its kind is dropped. */
export function matchFields(before: readonly FieldLayout[], after: readonly FieldLayout[]): FieldMatch {
  const old = new Map(before.map((field) => [field.path, field]));
  const moves: FieldMove[] = [];
  const kept = new Set<string>();
  for (const field of after) {
    const was = old.get(field.path);
    const move = was === undefined ? null : moveOf(was, field);
    if (move === null) continue;
    moves.push(move);
    kept.add(field.path);
  }
  return {
    moves,
    dropped: before.map(({ path }) => path).filter((path) => !kept.has(path)),
    added: after.map(({ path }) => path).filter((path) => !kept.has(path)),
  };
}

function moveOf(was: FieldLayout, is: FieldLayout): FieldMove | null {
  const place = { from: was.offset, to: is.offset };
  if (was.as === is.as) return { ...place, size: was.size * Math.min(was.count, is.count), extend: 0 };
  const [from, to] = [integer(was), integer(is)];
  const fits = from !== null && to !== null && from.sign === to.sign && from.bits <= to.bits;
  return fits ? { ...place, size: was.size, extend: from.sign === "i" ? is.size - was.size : 0 } : null;
}

function integer({ as, count }: FieldLayout): { readonly sign: string; readonly bits: number } | null {
  const [, sign, bits] = /^([ui])(8|16|32|64)$/.exec(as) ?? [];
  return sign === undefined || count !== 1 ? null : { sign, bits: Number(bits) };
}

/** A value of `size` bytes with what `moves` bring over from an old one; the rest is zeros. */
export function moveFields(moves: readonly FieldMove[], before: Uint8Array, size: number): Uint8Array {
  const after = new Uint8Array(size);
  for (const { from, to, size: length, extend } of moves) {
    after.set(before.subarray(from, from + length), to);
    const isNegative = extend > 0 && ((before[from + length - 1] as number) & 0x80) !== 0;
    if (isNegative) after.fill(0xff, to + length, to + length + extend);
  }
  return after;
}
