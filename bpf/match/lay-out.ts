// SPDX-License-Identifier: Apache-2.0
import { jumps } from "../asm/opcodes.ts";
import type { Block } from "./bounds.ts";
import { type Classic, classicClasses, classOfClassic } from "./classic.ts";

/**
 * Puts blocks in the order in which they are to lie in the program. Most packets are not what a rule asks for, so behind a comparison for
 * equality lies what follows when it is not so: a packet that no rule of a long list takes then runs straight on, through code that
 * stays in the processor's cache, and what is behind each rule lies apart. Jumps may go backward then, but never in a circle.
 */
export function layOut(program: readonly Classic[], blocks: readonly Block[]): readonly Block[] {
  const byStart = new Map(blocks.map((block) => [block.start, block]));
  const order: Block[] = [];
  const placed = new Set<Block>();
  for (const first of blocks) {
    for (let block: Block | undefined = first; block !== undefined && !placed.has(block); ) {
      order.push(block);
      placed.add(block);
      block = likelyNext(program, block)
        .map((start) => byStart.get(start))
        .find((next) => next !== undefined && !placed.has(next));
    }
  }
  return order;
}

/** What may follow a block, the likeliest first. */
function likelyNext(program: readonly Classic[], { end, next }: Block): readonly number[] {
  const last = program[end - 1] as Classic;
  const isEqual = classOfClassic(last) === classicClasses.jmp && (last.code & 0xf0) === jumps.eq;
  // A jump's ways stand as if it is so, if it is not.
  return isEqual ? next.toReversed() : next;
}
