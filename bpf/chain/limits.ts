// SPDX-License-Identifier: Apache-2.0
import type { LinkRefusal } from "./linked-chain.ts";
import type { Candidate, StepMode } from "./modes.ts";
import { callsLoad } from "./step-match.ts";

/** What the kernel allows one program. */
export const programLimits = { functions: 256, maps: 64, instructions: 1_000_000 } as const;

/** Instructions that the verifier walks through in one program before it gives up. */
export const verifierBudget = 1_000_000;

/** Programs that one packet can meet one after another: the kernel follows 33 tail calls. */
export const mostSegments = 34;

/** The first step with which the chain passes a limit; null when it stays within all of them. `own` is what the chain needs itself. */
export function findExcess(
  candidates: readonly Candidate[],
  modes: readonly StepMode[],
  own: { readonly maps: number },
): LinkRefusal | null {
  const sums = { functions: 1, maps: own.maps, instructions: 0 };
  for (const [index, { step, body, match }] of candidates.entries()) {
    sums.functions += body.functions.length - (modes[index]?.mode === "inline" ? 1 : 0);
    // All matches of a program call one function.
    if (callsLoad(match) && candidates.findIndex((other) => callsLoad(other.match)) === index) sums.functions += 1;
    if (match?.rest != null) sums.functions += 1;
    sums.maps += body.maps.size;
    sums.instructions += body.instructions.length + (match?.instructions ?? 0) + (match?.rest?.lines.length ?? 0);
    for (const [what, limit] of Object.entries(programLimits) as [keyof typeof programLimits, number][]) {
      if (sums[what] <= limit) continue;
      const reason = `With it the chain has ${sums[what]} ${what}, the kernel allows ${limit} in one program`;
      return { kind: "refused", step: step.name, reason };
    }
  }
  return null;
}
