// SPDX-License-Identifier: Apache-2.0
import type { Body } from "./body.ts";

/**
 * How far the linker lets its own jumps reach: half of what 16 bits can say, because the verifier puts instructions in between
 * (context accesses, map look-ups) and refuses a program when a jump then no longer reaches.
 */
export const jumpReach = 16_383;

/**
 * Where each exit of a main body jumps to when the body is inlined: the body's end, or, from too far away, a later exit, which
 * is itself a jump towards the end. null when some exit has none in reach.
 */
export function routeExits(body: Body, reach = jumpReach): ReadonlyMap<number, number> | null {
  const end = body.main.end;
  const routes = new Map<number, number>();
  let farthest = 0;
  for (const [order, from] of body.exits.entries()) {
    while (isReachable(from, body.exits[farthest + 1], reach)) farthest++;
    if (isReachable(from, end, reach)) routes.set(from, end);
    else if (farthest > order) routes.set(from, body.exits[farthest] as number);
    else return null;
  }
  return routes;
}

function isReachable(from: number, to: number | undefined, reach: number): boolean {
  return to !== undefined && to - from - 1 <= reach;
}
