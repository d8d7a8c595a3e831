// SPDX-License-Identifier: Apache-2.0
import type { Reasons } from "../bpf/programs/library-program.ts";
import { renderDesired } from "./2-desired/render-desired.ts";
import type { Host } from "./host.ts";
import type { Desired } from "./model/desired.ts";
import type { Manifest } from "./model/generation.ts";
import { hookName } from "./model/hook.ts";
import type { Invalid } from "./model/outcome.ts";
import type { Snapshot } from "./model/snapshot.ts";
import type { Traced, TracedPacket } from "./model/traced-packet.ts";
import { objectsOf } from "./objects.ts";
import { observePins } from "./observe-host.ts";
import { openLiveCopy } from "./packet-tests/live-copy.ts";
import { openScratchChain, removeAll, type ScratchChain } from "./packet-tests/scratch-chain.ts";
import { scratchRoot } from "./packet-tests/scratch-root.ts";
import { tracePacket } from "./packet-tests/trace-packet.ts";
import { readLastSnapshot } from "./state/last-snapshot.ts";

/** There is no such chain, but these. */
export interface NoChain {
  readonly kind: "no-chain";
  readonly known: readonly string[];
}

/** Sends frames through the chain of a policy, freshly loaded and attached nowhere. Throws what an apply would. */
export async function tracePolicy(
  host: Host,
  snapshot: Snapshot,
  name: string,
  frames: readonly Uint8Array[],
): Promise<Traced | NoChain | Invalid> {
  const rendered = renderDesired({ ...host.policy, snapshot, host: host.name });
  if (rendered.kind === "invalid") return rendered;
  const { desired } = rendered;
  const hook = desired.hooks.find((candidate) => hookName(candidate.hook) === name);
  if (hook === undefined) return { kind: "no-chain", known: desired.hooks.map((candidate) => hookName(candidate.hook)) };
  const open = (root: string) => openScratchChain(host.kernel, host.policy, desired, hook, { root });
  return { ...(await traceAll(host, open, desired, name, frames)), live: false };
}

/** Sends frames through a copy of the chain that runs, with its very maps. Throws what an apply would. */
export async function traceRunning(host: Host, name: string, frames: readonly Uint8Array[]): Promise<Traced | NoChain | Invalid> {
  const running = await readRunning(host, name);
  if (running.kind !== "running") return running;
  const { manifest, desired } = running;
  const objects = objectsOf(host.policy.openObject, desired.objects);
  const open = (root: string) => openLiveCopy(host.kernel, objects, manifest, { root }, reasonsOf(desired, name));
  return { ...(await traceAll(host, open, desired, name, frames)), live: true };
}

/** A copy of the chain that runs, for one packet after another as they come. */
export interface LiveTracer {
  readonly generation: string;
  trace(frame: Uint8Array): Promise<TracedPacket>;
  /** Unpins the copy. */
  close(): Promise<void>;
}

/** Opens a copy of the chain that runs, without its taps, which would copy what is traced. Throws what an apply would; null without a chain. */
export async function openLiveTracer(host: Host, name: string): Promise<LiveTracer | null> {
  const running = await readRunning(host, name);
  if (running.kind !== "running") return null;
  const { manifest, desired } = running;
  const { kernel, layout } = host;
  const reasons = reasonsOf(desired, name);
  const root = await scratchRoot(kernel, layout);
  const close = () => removeAll(kernel, { root });
  try {
    const untapped = { ...manifest, steps: manifest.steps.filter(({ uses }) => uses !== "tap") };
    const chain = await openLiveCopy(kernel, objectsOf(host.policy.openObject, desired.objects), untapped, { root }, reasons);
    return { generation: manifest.id, trace: (frame) => tracePacket(chain, frame, reasons), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Running = { readonly kind: "running"; readonly manifest: Manifest; readonly desired: Desired } | NoChain | Invalid;

/** What runs at a hook, and the policy that it is of. */
async function readRunning(host: Host, name: string): Promise<Running> {
  const { hooks } = await observePins(host);
  const running = hooks.find(({ hook }) => hookName(hook) === name)?.generations.find((generation) => generation.running);
  const snapshot = await readLastSnapshot(host.state);
  if (running?.manifest == null || snapshot === null) return { kind: "no-chain", known: hooks.map(({ hook }) => hookName(hook)) };
  const rendered = renderDesired({ ...host.policy, snapshot, host: host.name });
  return rendered.kind === "invalid" ? rendered : { kind: "running", manifest: running.manifest, desired: rendered.desired };
}

async function traceAll(
  { kernel, layout }: Host,
  open: (root: string) => Promise<ScratchChain>,
  desired: Desired,
  name: string,
  frames: readonly Uint8Array[],
): Promise<Omit<Traced, "live">> {
  const root = await scratchRoot(kernel, layout);
  try {
    const chain = await open(root);
    const { hook } = chain.generation;
    const packets: TracedPacket[] = [];
    for (const frame of frames) packets.push(await tracePacket(chain, frame, reasonsOf(desired, name)));
    const origins = Object.fromEntries(stepsOf(desired, name).map((step) => [step.name, step.origin]));
    return { kind: "traced", hook, generation: chain.generation.id, frames, packets, origins };
  } finally {
    await removeAll(kernel, { root });
  }
}

function reasonsOf(desired: Desired, hook: string): (step: string) => Reasons | null {
  const reasons = new Map(stepsOf(desired, hook).map((step) => [step.name, step.reasons]));
  return (step) => reasons.get(step) ?? null;
}

function stepsOf({ hooks }: Desired, name: string) {
  return hooks.find(({ hook }) => hookName(hook) === name)?.chain ?? [];
}
