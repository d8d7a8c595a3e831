// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { exit, jumpIf32, mov64Imm } from "../asm/build.ts";

/**
 * What a chain at a tc hook returns. tcx acts on four verdicts only, and takes every other one for "next", after having skipped the
 * tcx programs behind it. Programs are written for cls_bpf direct action, which knows more, so a chain keeps what that would do:
 *
 *     verdict          cls_bpf direct action          chain
 *     ok 0             the packet goes on             pass 0
 *     shot 2           dropped                        drop 2
 *     stolen 4         taken away, freed              drop 2
 *     trap 8           taken away, freed              drop 2
 *     redirect 7       where bpf_redirect said        redirect 7
 *     any other, -1    the next filter                next -1
 *
 * The one difference: the kernel counts a stolen packet as consumed and a dropped one as dropped.
 */
const returned: Readonly<Record<number, number>> = { 0: 0, 2: 2, 4: 2, 7: 7, 8: 2 };

/** The table above as a function; `verdict` is a signed 32-bit number. */
export function toTcxVerdict(verdict: number): number {
  return returned[verdict] ?? -1;
}

/** The table above as instructions: r0 in, exit. `label` is a name that no other line has. */
export function returnTcxVerdict(label: string): Line[] {
  const kept = Object.entries(returned).filter(([verdict, result]) => Number(verdict) === result);
  const changed = Object.entries(returned).filter(([verdict, result]) => Number(verdict) !== result);
  return [
    ...kept.map(([verdict]) => ({ instruction: jumpIf32("eq", 0, Number(verdict)), to: `${label}: keep` })),
    ...changed.map(([verdict]) => ({ instruction: jumpIf32("eq", 0, Number(verdict)), to: `${label}: drop` })),
    mov64Imm(0, -1),
    exit(),
    { label: `${label}: drop` },
    mov64Imm(0, 2),
    { label: `${label}: keep` },
    exit(),
  ];
}
