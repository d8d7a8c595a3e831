// SPDX-License-Identifier: Apache-2.0
import { type Classic, classicClasses, classOfClassic, packetLoad, returnA, successors } from "./classic.ts";

/** A straight piece of a program: control enters at `start` only, and leaves behind its last instruction only. */
export interface Block {
  /** [start, end) in the program. */
  readonly start: number;
  readonly end: number;
  /** Starts of the blocks that may follow. */
  readonly next: readonly number[];
  /** Bytes that the packet must have where the block is entered, or nothing from here on can match; Infinity when nothing can. */
  readonly needs: number;
  /** `needs` is Infinity because of a load that is too far away. */
  readonly far: boolean;
  /** Bytes to check for at the block's start; 0 where all ways into it have seen enough of them. */
  readonly check: number;
}

/**
 * The blocks that control can reach, in program order, each with the bounds check that serves all loads at fixed places in it and,
 * because a packet that is too short for a load does not match at all, those that every match behind it comes to. Jumps go forward,
 * so one pass back finds the needs, and one pass on what is known already. Loads that end behind `farthest` are never done.
 */
export function findBlocks(program: readonly Classic[], farthest: number): readonly Block[] {
  const needs = new Map<number, Needs>();
  const pieces = findPieces(program);
  for (const piece of pieces.toReversed()) needs.set(piece.start, needsOf(program, piece, needs, farthest));
  return addChecks(pieces, needs);
}

type Piece = Pick<Block, "start" | "end" | "next">;
type Needs = Pick<Block, "needs" | "far">;

/** A piece begins at the entry and where a jump goes to, and ends with a jump or return, or before the next one. */
function findPieces(program: readonly Classic[]): readonly Piece[] {
  const starts = new Set([0]);
  const reached = new Set([0]);
  for (const [index, instruction] of program.entries()) {
    if (!reached.has(index)) continue;
    for (const target of successors(instruction, index)) {
      reached.add(target);
      if (classOfClassic(instruction) === classicClasses.jmp) starts.add(target);
    }
  }
  return [...starts]
    .sort((a, b) => a - b)
    .map((start) => {
      let last = start;
      while (!leaves(program[last] as Classic) && !starts.has(last + 1)) last++;
      return { start, end: last + 1, next: [...new Set(successors(program[last] as Classic, last))] };
    });
}

function leaves(instruction: Classic): boolean {
  const kind = classOfClassic(instruction);
  return kind === classicClasses.jmp || kind === classicClasses.ret;
}

function needsOf(program: readonly Classic[], { start, end, next }: Piece, known: ReadonlyMap<number, Needs>, farthest: number): Needs {
  const behind = next.map((at) => known.get(at) as Needs);
  const last = program[end - 1] as Classic;
  let needs = classOfClassic(last) === classicClasses.ret ? needsOfReturn(last) : Math.min(...behind.map((one) => one.needs));
  let far = needs === Infinity && behind.some((one) => one.far);
  for (const instruction of program.slice(start, end)) {
    const load = packetLoad(instruction);
    if (load === null || load.kind === "ind") continue;
    const bytes = load.offset + load.size;
    far ||= bytes > farthest && needs < Infinity;
    needs = bytes > farthest ? Infinity : Math.max(needs, bytes);
  }
  return { needs, far };
}

function needsOfReturn({ code, k }: Classic): number {
  return (code & returnA) === 0 && k === 0 ? Infinity : 0;
}

function addChecks(pieces: readonly Piece[], known: ReadonlyMap<number, Needs>): readonly Block[] {
  const seen = new Map<number, number>([[0, 0]]);
  return pieces.flatMap((piece): readonly Block[] => {
    const before = seen.get(piece.start);
    if (before === undefined) return [];
    const { needs, far } = known.get(piece.start) as Needs;
    // Where nothing can match any more, nothing is checked and nothing follows.
    if (needs === Infinity) return [{ ...piece, next: [], needs, far, check: 0 }];
    for (const next of piece.next) seen.set(next, Math.min(seen.get(next) ?? Infinity, Math.max(before, needs)));
    return [{ ...piece, needs, far, check: needs > before ? needs : 0 }];
  });
}
