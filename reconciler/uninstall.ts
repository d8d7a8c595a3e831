// SPDX-License-Identifier: Apache-2.0

import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "./host.ts";
import { hookName } from "./model/hook.ts";
import { linkPin } from "./model/pins.ts";
import { observeAll } from "./observe-host.ts";
import { locked } from "./reconcile.ts";

export interface Uninstalled {
  /** "eth0/xdp": unfiltered now. */
  readonly hooks: readonly string[];
  /** Pins that were removed. */
  readonly pins: readonly string[];
  /** Pins below our directory that are not of our making; left alone. */
  readonly left: readonly string[];
}

/** What would bring chains back. */
const recorded = [
  ...["applied.json", "hold.json", "quarantine.json", "confirmation.json", "undo"],
  ...["policy.json", "policy.previous.json", "policy.2.json", "policy.3.json", "policy.4.json"],
];

/** Detaches every chain and removes every pin of ours, and what would bring them back. History stays. */
export async function uninstall(host: Host): Promise<Uninstalled> {
  return locked(host, async () => {
    const observed = await observeAll(host);
    const linked = observed.hooks.filter((hook) => hook.link !== null);
    for (const { hook } of linked) await host.kernel.detach(linkPin(host.layout, hook));
    const left = new Set(observed.unknown);
    const pins = (await host.kernel.pins(host.layout.root)).map((pin) => pin.path).filter((path) => !left.has(path));
    await host.kernel.unpin(pins);
    for (const file of recorded) await rm(join(host.state, file), { force: true });
    return { hooks: linked.map(({ hook }) => hookName(hook)), pins, left: observed.unknown };
  });
}
