// SPDX-License-Identifier: Apache-2.0
import { sumCounters } from "../../bpf/chain/counters.ts";
import type { Kernel, RunResult } from "../../bpf/kernel/kernel.ts";
import type { Reasons } from "../../bpf/programs/library-program.ts";
import { planChanges } from "../4-plan/plan-changes.ts";
import { performOrUndo } from "../5-apply/perform.ts";
import type { PolicyReader } from "../host.ts";
import type { Desired, DesiredHook, DesiredStep } from "../model/desired.ts";
import type { Generation, GenerationStep } from "../model/generation.ts";
import type { Observed } from "../model/observed.ts";
import { generationDirectory, type PinLayout } from "../model/pins.ts";
import { objectsOf } from "../objects.ts";
import { sluiceVersion } from "../version.ts";
import { readReasons } from "./read-reasons.ts";

/** A chain that is loaded and attached nowhere. */
export interface ScratchChain {
  readonly generation: Generation;
  /** Runs it on one frame. */
  run(packet: Uint8Array): Promise<RunResult>;
  /** What it has counted so far, by step in the order of the chain. */
  counts(): Promise<readonly StepCounts[]>;
  /** The same without reasons: one map read. */
  verdicts(): Promise<readonly Pick<StepCounts, "verdicts">[]>;
}

export interface StepCounts {
  /** Packets by column (bpf/chain/counters.ts). */
  readonly verdicts: readonly bigint[];
  /** Packets by cell of the step's reasons; empty where it has none. */
  readonly reasons: readonly bigint[];
}

/**
 * Loads the chain of one hook below `layout`, where nothing may be pinned: maps are filled as the policy says, nothing has been
 * counted yet. Counting is on, whatever the policy says: it changes no verdict. Throws what an apply would.
 */
export async function openScratchChain(
  kernel: Kernel,
  reader: PolicyReader,
  desired: Desired,
  wanted: DesiredHook,
  layout: PinLayout,
): Promise<ScratchChain> {
  const hook: DesiredHook = { ...wanted, counters: true, chain: wanted.chain.map(unwatched) };
  const objects = objectsOf(reader.openObject, desired.objects);
  const plan = planChanges({
    desired: { ...desired, hooks: [hook] },
    observed: nowhere(hook),
    layout,
    host: "test",
    version: sluiceVersion(),
    prune: true,
    btf: (digest) => objects.spec(digest).btf,
  });
  // What an apply does to new maps before anything is attached; the rest of its commit is the attaching.
  const operations = [...plan.prepare, ...plan.commit.filter(({ kind }) => kind === "write-map")];
  await performOrUndo(kernel, objects, operations, "prepare", () => undefined);
  const load = plan.prepare.find((operation) => operation.kind === "load");
  if (load === undefined) throw new Error("A plan for an empty kernel loads a generation");
  const { generation } = load;
  const reasons = new Map(hook.chain.map((step) => [step.name, step.reasons]));
  return scratchChain(kernel, generation, generationDirectory(layout, hook.hook, generation.id), (step) => reasons.get(step) ?? null);
}

/** Attached nowhere: what a step has at a tracepoint is left out as well. */
function unwatched({ watch: _, ...step }: DesiredStep): DesiredStep {
  return step;
}

/** A generation that is loaded at a directory, as a chain to run packets through. */
export function scratchChain(
  kernel: Kernel,
  generation: Generation,
  directory: string,
  reasonsOf: (step: string) => Reasons | null,
): ScratchChain {
  const { counters, steps } = generation;
  if (counters === null) throw new Error("A scratch chain counts");
  const verdicts = async () => {
    const rows = sumCounters((await kernel.readMap(counters.pin)).values, counters.slots);
    return steps.map(({ slot }) => ({ verdicts: rows[slot] as bigint[] }));
  };
  return {
    generation,
    run: (packet) => kernel.run(`${directory}/program`, { packet }),
    verdicts,
    async counts() {
      const counts: StepCounts[] = [];
      for (const [index, counted] of (await verdicts()).entries()) {
        const step = steps[index] as GenerationStep;
        counts.push({ ...counted, reasons: await readReasons(kernel, step, reasonsOf(step.name)) });
      }
      return counts;
    },
  };
}

/** Unpins whatever a scratch chain has left below `layout`. */
export async function removeAll(kernel: Kernel, layout: PinLayout): Promise<void> {
  await kernel.unpin((await kernel.pins(layout.root)).map(({ path }) => path));
}

/** A host with the device and nothing else. */
function nowhere({ hook }: DesiredHook): Observed {
  return { devices: [{ name: hook.interface, ifindex: 1 }], hooks: [], unknown: [], applied: null };
}
