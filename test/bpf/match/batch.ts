// SPDX-License-Identifier: Apache-2.0
import { assemble, type Line } from "../../../bpf/asm/assemble.ts";
import { alu64Imm, exit, ldx, loadMapValue, mov64Imm, st, stx } from "../../../bpf/asm/build.ts";
import type { LinkedChain } from "../../../bpf/chain/linked-chain.ts";
import type { Classic } from "../../../bpf/match/classic.ts";
import { loadFunction } from "../../../bpf/match/load-function.ts";
import type { MatchTarget } from "../../../bpf/match/packet-access.ts";
import { translateMatch } from "../../../bpf/match/translate.ts";

/** So many matches are put into one program, which gives a bit for each. */
export const batchSize = 24;

const context = -136;
const bits = -144;
const load = "load";

/**
 * Programs that run matches one after another and return bit n for the nth one that took the packet; with `results`, a map of one
 * 64-bit value, they put the bits in its lower half, add one to its upper half, and return -1. Matches that never take a packet leave their bit out.
 */
export function batchProgram(matches: readonly (readonly Classic[])[], target: MatchTarget, results?: string): LinkedChain {
  const lines: Line[] = [stx("dw", 10, context, 1), st("dw", 10, bits, 0)];
  let calls = false;
  for (const [index, match] of matches.entries()) {
    const next = `after ${index}`;
    const code = translateMatch(match, target, { prefix: `match ${index}`, noMatch: next, load });
    if (code.kind === "code") {
      // The second load shows that r1 is the context again.
      lines.push(ldx("dw", 1, 10, context), ...code.lines, ldx("w", 2, 1, 0));
      lines.push(ldx("dw", 0, 10, bits), alu64Imm("or", 0, 2 ** index), stx("dw", 10, bits, 0));
      calls ||= code.calls;
    }
    lines.push({ label: next });
  }
  lines.push(ldx("dw", 0, 10, bits), ...(results === undefined ? [] : store(results)), exit());
  if (calls) lines.push(...loadFunction(target.hook, load));
  const { instructions } = assemble(lines);
  const { hook, frags } = target;
  return { kind: "linked", name: "batch", hook, license: "GPL", frags, instructions, btf: null, functions: [], lines: [], steps: [] };
}

/** r0 are the bits. The kernel reads maps as little endian, so the lower half comes first. */
function store(results: string): Line[] {
  return [...loadMapValue(2, results), ldx("w", 3, 2, 4), alu64Imm("add", 3, 1), stx("w", 2, 0, 0), stx("w", 2, 4, 3), mov64Imm(0, -1)];
}
