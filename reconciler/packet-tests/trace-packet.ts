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
  const decided = decidingStep(chain, before, after);
  const { steps: all } = chain.generation;
  const decider = all.findIndex(({ name }) => decided === name || decided === tailCallOf(name));
  const steps = all.map(({ name, uses, match }, index): TracedStep => {
    const [was, is] = [before[index] as StepCounts, after[index] as StepCounts];
    const column = countedColumn(was, is);
    const cells = reasonsOf(name)?.cells ?? [];
    const reasons = cells.filter((_, cell) => was.reasons[cell] !== is.reasons[cell]).map((cell) => cell.name);
    const unmatched = match !== undefined && column === null && (decider < 0 || index < decider);
    return { name, uses, verdict: column === null ? null : column - 1, unmatched, reasons };
  });
  return { verdict, output: packet, steps, decided };
}

/** What is said to have decided where a step left the chain by a tail call. */
function tailCallOf(step: string): string {
  return `a tail call of ${step}`;
}

/**
 * Which step's verdict was the chain's: the last one that counted the packet, "end" when that one let it through. A step that leaves
 * through a tail call counts nothing; then it is "a tail call of" the first step that did not. One whose expression does not take the
 * packet counts nothing either, so a step with an expression is not thought to have made a tail call.
 */
export function decidingStep(chain: ScratchChain, before: readonly StepVerdicts[], after: readonly StepVerdicts[]): string {
  const { steps } = chain.generation;
  const columns = steps.map((_, index) => countedColumn(before[index] as StepVerdicts, after[index] as StepVerdicts));
  const last = columns.findLastIndex((column) => column !== null);
  const next = steps.slice(last + 1).find(({ match }) => match === undefined);
  const decided = last < 0 ? undefined : steps[last];
  const letThrough = decided === undefined || decided.continueOn.some((verdict) => counterColumn(verdict) === columns[last]);
  if (!letThrough) return decided.name;
  return next === undefined ? "end" : tailCallOf(next.name);
}

/** The column in which a step has counted the packet; null when it has not. */
function countedColumn(before: StepVerdicts, after: StepVerdicts): number | null {
  const column = after.verdicts.findIndex((count, index) => count !== before.verdicts[index]);
  return column < 0 ? null : column;
}
