// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { hookName } from "../model/hook.ts";
import type { Observed } from "../model/observed.ts";

/** Another digest means that a plan made from the first state does not fit the second one; 64 hex digits. */
export function digestObserved(observed: Observed): string {
  const hash = createHash("sha256");
  const add = (...facts: readonly unknown[]) => hash.update(`${facts.join("\t")}\n`);
  for (const device of observed.devices) add("device", device.name, device.ifindex);
  for (const hook of observed.hooks) {
    add("hook", hookName(hook.hook), hook.link?.id, hook.link?.programId, hook.link?.ifindex, hook.mode);
    for (const generation of hook.generations) add("generation", generation.id, generation.program?.id, generation.intact);
    for (const { pin, entries } of hook.maps) {
      add("map", pin.path, pin.id);
      if (entries !== null) hash.update(entries.keys).update(entries.values);
    }
    for (const counters of hook.counters) add("counters", counters.pin.path, counters.pin.id);
    for (const program of hook.foreign) add("foreign", program.programId);
  }
  return hash.digest("hex");
}
