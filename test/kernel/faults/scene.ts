// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import type { Host } from "../../../reconciler/host.ts";
import { planPass, runPass } from "../../../reconciler/reconcile.ts";
import type { Lab } from "../../lab/lab.ts";
import { type ChangeOnHost, runningDigests } from "./change-on-host.ts";
import { type Dying, openDying } from "./dying.ts";
import { strayPrograms, unusedObjects } from "./pinned.ts";
import { faultsOf, kindsThatPass, type Listener, openListener, openSender, type Sender, sentSoFar } from "./witness.ts";

const options = { prune: true, trigger: "test" };

/** What runs at one side of the change, and which kinds of packets it lets pass. */
interface Side {
  readonly digests: Readonly<Record<string, string>>;
  readonly passes: readonly boolean[];
}

export interface Scene {
  readonly change: ChangeOnHost;
  readonly before: Side;
  readonly after: Side;
  readonly sender: Sender;
  readonly listener: Listener;
  readonly dying: Dying;
}

/** The change with what is known of both of its sides; the host is at its start. */
export async function openScene(t: ExecutionContext, change: ChangeOnHost): Promise<Scene> {
  const [sender, listener, dying] = [openSender(change.route), openListener(change.route), openDying()];
  t.teardown(() => {
    sender.close();
    listener.close();
    dying.close();
  });
  await change.startAgain();
  const before = await sideOf(change.host, sender, listener);
  t.is((await runPass(change.host, change.after, options)).kind, "applied");
  const after = await sideOf(change.host, sender, listener);
  await change.startAgain();
  return { change, before, after, sender, listener, dying };
}

async function sideOf(host: Host, sender: Sender, listener: Listener): Promise<Side> {
  return { digests: await runningDigests(host), passes: await kindsThatPass(sender, listener) };
}

/** No packet since the sender began met anything but the chain before or the chain after. */
export async function packetsMetOneChain(t: ExecutionContext, { change, listener, before, after }: Scene, place: string): Promise<void> {
  const judged = before.passes.map((passes, kind) => passes && after.passes[kind] === true);
  const heard = await listener.heard(judged);
  t.deepEqual(faultsOf(heard, sentSoFar(change.route.tally), before.passes, after.passes, change.hasGap), [], place);
}

/** Killed or not, each hook runs what it ran or what it should. */
export async function oldOrNew(t: ExecutionContext, { change, before, after }: Scene, place: string): Promise<void> {
  const now = await runningDigests(change.host);
  for (const hook of new Set([...Object.keys(before.digests), ...Object.keys(after.digests), ...Object.keys(now)])) {
    const isGap = change.hasGap === "open" && now[hook] === undefined;
    t.true(now[hook] === before.digests[hook] || now[hook] === after.digests[hook] || isGap, `${hook}, ${place}`);
  }
}

/**
 * The next pass brings the host to the policy after; nothing is left that nothing uses. A set that was left half filled is filled in
 * another copy, which makes another generation: then packets tell that it does the same.
 */
export async function finishes(t: ExecutionContext, lab: Lab, scene: Scene, place: string): Promise<void> {
  const { change, after, sender, listener } = scene;
  const { host, after: policy, devices } = change;
  const outcome = await runPass(host, policy, options);
  t.true(["applied", "unchanged"].includes(outcome.kind), `${place}: ${outcome.kind}`);
  if (change.hasCopies) t.deepEqual(await kindsThatPass(sender, listener), after.passes, place);
  else t.deepEqual(await runningDigests(host), after.digests, place);
  const planned = await planPass(host, policy, options);
  if (planned.kind !== "planned") return t.fail(planned.kind);
  const { prepare, commit, cleanup } = planned.plan;
  t.deepEqual([prepare.length, commit.length, cleanup, planned.observed.unknown], [0, 0, [], []], place);
  t.deepEqual(await unusedObjects(host), [], place);
  t.deepEqual(await strayPrograms(lab.kernel, lab.root, devices), [], place);
}
