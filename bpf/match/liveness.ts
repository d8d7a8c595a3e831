// SPDX-License-Identifier: Apache-2.0
import type { Block } from "./bounds.ts";
import { type Classic, classicClasses, classicModes, classOfClassic, moveXToA, operandX, returnA } from "./classic.ts";

/** A register ("a", "x") or a slot of M, by its number. */
export type Place = "a" | "x" | number;

/** What is read from where each block begins on before it is written, by the block's start. */
export function livePlaces(program: readonly Classic[], blocks: readonly Block[]): ReadonlyMap<number, ReadonlySet<Place>> {
  const live = new Map<number, ReadonlySet<Place>>();
  for (const { start, end, next } of blocks.toReversed()) {
    const places = new Set<Place>(next.flatMap((successor) => [...(live.get(successor) ?? [])]));
    for (const instruction of program.slice(start, end).toReversed()) {
      const { reads, writes } = effects(instruction);
      if (writes !== null) places.delete(writes);
      for (const place of reads) places.add(place);
    }
    live.set(start, places);
  }
  return live;
}

interface Effects {
  readonly reads: readonly Place[];
  readonly writes: Place | null;
}

function effects(instruction: Classic): Effects {
  const { code, k } = instruction;
  const { ld, ldx, st, stx, alu, jmp, ret } = classicClasses;
  const kind = classOfClassic(instruction);
  const withX: readonly Place[] = (code & operandX) === 0 ? [] : ["x"];
  switch (kind) {
    case ld:
    case ldx: {
      const mode = code & 0xe0;
      const reads: readonly Place[] = mode === classicModes.mem ? [k] : mode === classicModes.ind ? ["x"] : [];
      return { reads, writes: kind === ld ? "a" : "x" };
    }
    case st:
      return { reads: ["a"], writes: k };
    case stx:
      return { reads: ["x"], writes: k };
    case alu:
      return { reads: ["a", ...withX], writes: "a" };
    case jmp:
      return { reads: (code & 0xf0) === 0 ? [] : ["a", ...withX], writes: null };
    case ret:
      return { reads: (code & returnA) === 0 ? [] : ["a"], writes: null };
    default:
      return (code & moveXToA) === 0 ? { reads: ["a"], writes: "x" } : { reads: ["x"], writes: "a" };
  }
}
