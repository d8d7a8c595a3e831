// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { ja, jumpIf32 } from "../asm/build.ts";
import { jumps } from "../asm/opcodes.ts";
import type { Block } from "./bounds.ts";
import { type Classic, classicClasses, classOfClassic, operandX } from "./classic.ts";

/** Comparisons of the accumulator with one number after another, as "host a or b or c" gives them. */
export interface Comparisons {
  /** Different numbers, each with the index of the instruction to go to. */
  readonly cases: readonly Case[];
  /** Where what equals none of them goes. */
  readonly otherwise: number;
  /** Starts of the blocks that are nothing but one of these comparisons, and so are not needed any more. */
  readonly merged: readonly number[];
}

interface Case {
  readonly value: number;
  readonly to: number;
}

/** Fewer are as quick one after another. */
const fewest = 8;

/**
 * Finds long runs of comparisons by the start of the block that begins each. A block belongs to a run when it only compares, needs no check, and is
 * entered only from the one before; so the accumulator is what it was.
 */
export function findComparisons(program: readonly Classic[], blocks: readonly Block[]): ReadonlyMap<number, Comparisons> {
  const byStart = new Map(blocks.map((block) => [block.start, block]));
  const entries = new Map<number, number>();
  for (const { next } of blocks) for (const start of next) entries.set(start, (entries.get(start) ?? 0) + 1);
  const isLink = ({ start, end, check }: Block): boolean => end - start === 1 && check === 0 && entries.get(start) === 1;
  const found = new Map<number, Comparisons>();
  const used = new Set<number>();
  for (const first of blocks) {
    if (used.has(first.start) || caseOf(program, first) === null) continue;
    const run = followRun(program, byStart, first, isLink);
    for (const start of run.merged) used.add(start);
    if (run.cases.length >= fewest) found.set(first.start, run);
  }
  return found;
}

function followRun(
  program: readonly Classic[],
  byStart: ReadonlyMap<number, Block>,
  first: Block,
  isLink: (block: Block) => boolean,
): Comparisons {
  const cases: Case[] = [];
  const merged: number[] = [];
  const values = new Set<number>();
  for (let block = first; ; ) {
    const { otherwise, ...own } = caseOf(program, block) as Case & { otherwise: number };
    cases.push(own);
    values.add(own.value);
    const next = byStart.get(otherwise);
    const following = next !== undefined && isLink(next) ? caseOf(program, next) : null;
    if (next === undefined || following === null || values.has(following.value)) return { cases, otherwise, merged };
    merged.push(next.start);
    block = next;
  }
}

/** The comparison that ends a block; null for every other end. */
function caseOf(program: readonly Classic[], { end, needs }: Block): (Case & { readonly otherwise: number }) | null {
  const last = program[end - 1] as Classic;
  const compares = classOfClassic(last) === classicClasses.jmp && (last.code & 0xf0) === jumps.eq && (last.code & operandX) === 0;
  if (!compares || needs === Infinity) return null;
  return { value: last.k, to: end + last.jt, otherwise: end + last.jf };
}

/** Halves the numbers until a few are left. `prefix` sets its labels apart. */
export function search({ cases, otherwise }: Comparisons, a: number, prefix: string, to: (start: number) => string): readonly Line[] {
  const sorted = [...cases].sort((one, other) => one.value - other.value);
  return searchIn(sorted, { a, prefix, to, otherwise: to(otherwise) });
}

interface Search {
  readonly a: number;
  readonly prefix: string;
  to(start: number): string;
  readonly otherwise: string;
}

function searchIn(cases: readonly Case[], how: Search): readonly Line[] {
  if (cases.length <= 3) {
    const tests = cases.map(({ value, to }) => ({ instruction: jumpIf32("eq", how.a, value | 0), to: how.to(to) }));
    return [...tests, { instruction: ja(), to: how.otherwise }];
  }
  const middle = cases.length >> 1;
  const { value } = cases[middle] as Case;
  const upper = `${how.prefix} from ${value}`;
  return [
    { instruction: jumpIf32("ge", how.a, value | 0), to: upper },
    ...searchIn(cases.slice(0, middle), how),
    { label: upper },
    ...searchIn(cases.slice(middle), how),
  ];
}
