// SPDX-License-Identifier: Apache-2.0
import { watchFor } from "./5-apply/watch-for.ts";
import type { Host } from "./host.ts";
import type { Desired } from "./model/desired.ts";
import { objectsOf } from "./objects.ts";
import { observePins } from "./observe-host.ts";
import { locked } from "./reconcile.ts";

/** How often it is worth it, in milliseconds. */
export const recountEvery = 60_000;

/**
 * Has steps that count the kernel's sockets look at all of them again: the kernel does not show a program every event, and one that was
 * missed would be wrong for good. `desired` is what was applied last. Puts nothing back that somebody has removed: that is drift. Throws
 * ReconcilerError "locked" or "confirmation-pending" when it is not the time, and StepError.
 */
export async function recount(host: Host, desired: Desired): Promise<void> {
  if (!desired.hooks.some(({ chain }) => chain.some(({ watch }) => watch !== undefined))) return;
  await locked(host, async () => {
    const { hooks } = await observePins(host);
    const objects = objectsOf(host.policy.openObject, desired.objects);
    for (const { manifest, watches = [] } of hooks.flatMap(({ generations }) => generations.filter(({ running }) => running))) {
      if (manifest === null) continue;
      for (const { step: name, pin } of watches) {
        const step = manifest.steps.find((candidate) => candidate.name === name);
        if (step !== undefined && desired.objects[step.object] !== undefined)
          await watchFor(host.kernel, objects, pin.path, manifest, step);
      }
    }
  });
}
