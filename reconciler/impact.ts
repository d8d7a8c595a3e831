// SPDX-License-Identifier: Apache-2.0
import { endVerdict } from "../bpf/chain/verdict.ts";
import { renderDesired } from "./2-desired/render-desired.ts";
import type { Host } from "./host.ts";
import type { Desired } from "./model/desired.ts";
import { type Hook, hookName } from "./model/hook.ts";
import type { HookImpact, Impact } from "./model/impact.ts";
import type { Observed } from "./model/observed.ts";
import { objectsOf } from "./objects.ts";
import { chainSide, noSide, replay, type Side } from "./packet-tests/replay.ts";
import { openScratchChain, removeAll } from "./packet-tests/scratch-chain.ts";
import { scratchRoot } from "./packet-tests/scratch-root.ts";
import { carryState, copyRunning } from "./packet-tests/state-copy.ts";
import type { Planned } from "./reconcile.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import { readLastSnapshot } from "./state/last-snapshot.ts";

export interface ReplayedPackets {
  /** "capture.pcap", "10 s of eth0". */
  readonly source: string;
  /** The frames for a hook, in the order of their arrival. */
  frames(hook: Hook): readonly Uint8Array[];
}

/** Told after every packet. */
export type ImpactProgress = (hook: Hook, done: number, of: number) => void;

/**
 * Replays packets through copies of the running chains and of the planned ones, attached nowhere, each with what the running chain
 * remembers now. Only hooks that the plan changes. Nothing of what runs is touched, and nothing stays pinned. Throws what an apply would.
 */
export async function measureImpact(
  host: Host,
  { plan, desired, observed }: Planned,
  packets: ReplayedPackets,
  progress: ImpactProgress = () => undefined,
): Promise<Impact> {
  const before = await appliedObjects(host);
  const hooks: HookImpact[] = [];
  for (const { hook, action } of plan.hooks) {
    if (action === "unchanged" || action === "pending") continue;
    const frames = packets.frames(hook);
    const root = await scratchRoot(host.kernel, host.layout);
    try {
      const running = await runningSide(host, observed, hook, before, `${root}/running`);
      const planned = await plannedSide(host, desired, hook, `${root}/planned`);
      const groups = await replay(running.side, planned.side, frames, (done) => progress(hook, done, frames.length));
      const notes = [...new Set([...running.empty, ...planned.empty])].map((map) => `${map} starts empty in this replay`);
      hooks.push({ hook, packets: frames.length, groups, notes });
    } finally {
      await removeAll(host.kernel, { root });
    }
  }
  return { source: packets.source, hooks };
}

interface OpenSide {
  readonly side: Side;
  readonly empty: readonly string[];
}

async function runningSide(host: Host, observed: Observed, hook: Hook, objects: Desired["objects"], root: string): Promise<OpenSide> {
  const there = observed.hooks.find((candidate) => hookName(candidate.hook) === hookName(hook));
  const manifest = there?.generations.find((generation) => generation.running)?.manifest ?? null;
  if (manifest === null) return { side: noSide(endVerdict(hook.kind, "pass")), empty: [] };
  const missing = manifest.steps.find(({ object }) => objects[object] === undefined);
  if (missing !== undefined) {
    throw new ReconcilerError(
      "impact-unknown",
      `Cannot replay packets at ${hookName(hook)}: the object of the running step "${missing.name}" is not kept here`,
      {
        hint: "apply once with this state directory; from then on the objects are kept",
      },
    );
  }
  const { chain, empty } = await copyRunning(host.kernel, objectsOf(host.policy.openObject, objects), manifest, host.layout, { root });
  return { side: chainSide(chain), empty };
}

async function plannedSide(host: Host, desired: Desired, hook: Hook, root: string): Promise<OpenSide> {
  const wanted = desired.hooks.find((candidate) => hookName(candidate.hook) === hookName(hook));
  if (wanted === undefined) return { side: noSide(endVerdict(hook.kind, "pass")), empty: [] };
  const chain = await openScratchChain(host.kernel, host.policy, desired, wanted, { root });
  return { side: chainSide(chain), empty: await carryState(host.kernel, wanted, chain, host.layout, { root }) };
}

/** The objects that running chains are made of, as the last applied policy has them. */
async function appliedObjects(host: Host): Promise<Desired["objects"]> {
  const snapshot = await readLastSnapshot(host.state);
  if (snapshot === null) return {};
  const rendered = renderDesired({ ...host.policy, snapshot, host: host.name });
  return rendered.kind === "invalid" ? {} : rendered.desired.objects;
}
