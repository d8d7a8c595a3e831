// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { ja, jumpIf32 } from "../asm/build.ts";

/** Verdicts a to b, as unsigned 32-bit numbers. */
interface Range {
  readonly from: number;
  readonly to: number;
}

const highest = 0xffffffff;

/**
 * Tests the lower half of r0, which is all of it that the kernel reads: goes on in line when it is one of `verdicts` (signed 32-bit
 * numbers), else to `stop`. `next` is the label after these lines. One instruction for one verdict; adjacent verdicts share theirs.
 */
export function continueTest(verdicts: readonly number[], next: string, stop: string): Line[] {
  const ranges = toRanges(verdicts);
  const last = ranges.at(-1);
  if (last === undefined) return [{ instruction: ja(), to: stop }];
  return [...ranges.slice(0, -1).flatMap((range) => goWithin(range, next, stop)), ...stopOutside(last, stop)];
}

/** Ascending, apart from each other. */
function toRanges(verdicts: readonly number[]): Range[] {
  const sorted = [...new Set(verdicts.map((verdict) => verdict >>> 0))].sort((a, b) => a - b);
  const ranges: Range[] = [];
  for (const verdict of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last.to === verdict - 1) ranges[ranges.length - 1] = { from: last.from, to: verdict };
    else ranges.push({ from: verdict, to: verdict });
  }
  return ranges;
}

/** Ranges below this one are decided already, so what is lower than it stops. */
function goWithin({ from, to }: Range, next: string, stop: string): Line[] {
  if (from === to) return [test("eq", from, next)];
  return [...(from === 0 ? [] : [test("lt", from, stop)]), test("le", to, next)];
}

function stopOutside({ from, to }: Range, stop: string): Line[] {
  if (from === to) return [test("ne", from, stop)];
  return [...(from === 0 ? [] : [test("lt", from, stop)]), ...(to === highest ? [] : [test("gt", to, stop)])];
}

function test(comparison: "eq" | "ne" | "lt" | "le" | "gt", verdict: number, to: string): Line {
  return { instruction: jumpIf32(comparison, 0, verdict | 0), to };
}
