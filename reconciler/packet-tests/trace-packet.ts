// SPDX-License-Identifier: Apache-2.0
import { counterColumn } from "../../bpf/chain/counters.ts";
import type { Reasons } from "../../bpf/programs/library-program.ts";
import type { TracedPacket, TracedStep } from "../model/traced-packet.ts";
import type { ScratchChain, StepCounts } from "./scratch-chain.ts";

type StepVerdicts = Pick<StepCounts, "verdicts">;

/** Sends one frame through a chain and tells what each step did. Nobody else may use the chain meanwhile. */
export async function tracePacket(
  chain: ScratchChain,
  frame: Uint8Array,
  reasonsOf: (step: string) => Reasons | null,
): Promise<TracedPacket> {
  const before = await chain.counts();
  const { verdict, packet } = await chain.run(frame);
  const after = await chain.counts();
  const steps = chain.generation.steps.map(({ name, uses }, index): TracedStep => {
    const [was, is] = [before[index] as StepCounts, after[index] as StepCounts];
    const column = countedColumn(was, is);
    const cells = reasonsOf(name)?.cells ?? [];
    const reasons = cells.filter((_, cell) => was.reasons[cell] !== is.reasons[cell]).map((cell) => cell.name);
    return { name, uses, verdict: column === null ? null : column - 1, reasons };
  });
  return { verdict, output: packet, steps, decided: decidingStep(chain, before, after) };
}

/**
 * Which step's verdict was the chain's: the last one that counted the packet, "end" when that one let it through. A step that leaves
 * through a tail call counts nothing; then it is "a tail call of" the first step that did not.
 */
export function decidingStep(chain: ScratchChain, before: readonly StepVerdicts[], after: readonly StepVerdicts[]): string {
  const { steps } = chain.generation;
  const columns = steps.map((_, index) => countedColumn(before[index] as StepVerdicts, after[index] as StepVerdicts));
  const last = columns.findLastIndex((column) => column !== null);
  const next = steps[last + 1];
  const decided = last < 0 ? undefined : steps[last];
  const letThrough = decided === undefined || decided.continueOn.some((verdict) => counterColumn(verdict) === columns[last]);
  if (!letThrough) return decided.name;
  return next === undefined ? "end" : `a tail call of ${next.name}`;
}

/** The column in which a step has counted the packet; null when it has not. */
function countedColumn(before: StepVerdicts, after: StepVerdicts): number | null {
  const column = after.verdicts.findIndex((count, index) => count !== before.verdicts[index]);
  return column < 0 ? null : column;
}
