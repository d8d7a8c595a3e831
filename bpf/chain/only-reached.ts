// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { fallsThrough, isCall, jumpTarget, slotsOf } from "../asm/inspect.ts";

/**
 * Lines without the instructions that nothing leads to, which the verifier would refuse. Labels that
 * are not in the lines lie elsewhere. No label stands between an instruction that jumps by a distance and where that leads.
 */
export function onlyReached(lines: readonly Line[]): readonly Line[] {
  const places = new Map(lines.flatMap((line, index): [string, number][] => ("label" in line ? [[line.label, index]] : [])));
  const reached = new Set<number>();
  const waiting = [0];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (let index: number | undefined = at; index !== undefined && index < lines.length && !reached.has(index); ) {
      reached.add(index);
      index = follow(lines, index, places, waiting);
    }
  }
  return lines.filter((line, index) => "label" in line || reached.has(index));
}

/** The line behind, where control goes on there; where else it may go is left for later. */
function follow(lines: readonly Line[], index: number, places: ReadonlyMap<string, number>, waiting: number[]): number | undefined {
  const line = lines[index] as Line;
  if ("label" in line) return index + 1;
  const instruction = "to" in line ? line.instruction : line;
  const target = "to" in line ? places.get(line.to) : jumpTarget(line, index);
  if (target !== undefined && target !== null && !isCall(instruction)) waiting.push(target);
  return fallsThrough(instruction) ? index + slotsOf(instruction) : undefined;
}
