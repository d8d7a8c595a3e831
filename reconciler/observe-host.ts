// SPDX-License-Identifier: Apache-2.0
import { observe } from "./3-observed/observe.ts";
import type { Host } from "./host.ts";
import type { Desired } from "./model/desired.ts";
import { type Hook, hookKinds, hookName } from "./model/hook.ts";
import type { Observed } from "./model/observed.ts";
import { mapPin } from "./model/pins.ts";
import { appliedNow } from "./state/now.ts";

/** What the policy needs to know of the kernel; hooks in `leaves` are not looked at. */
export async function observeFor(host: Host, desired: Desired, leaves: readonly Hook[]): Promise<Observed> {
  const contents = new Set<string>();
  for (const { hook, chain } of desired.hooks) {
    for (const step of chain) {
      for (const map of step.maps)
        if (map.content !== "none") contents.add(mapPin(host.layout, hook, step.name, map.name, map.incarnation));
    }
  }
  const applied = await appliedNow(host.state);
  const observed = await observe(host.kernel, host.layout, { hooks: desired.hooks.map((hook) => hook.hook), contents, applied });
  const left = new Set(leaves.map(hookName));
  return { ...observed, hooks: observed.hooks.filter((hook) => !left.has(hookName(hook.hook))) };
}

/** What is pinned and what runs, without the contents of maps: what `sluice inspect` shows. */
export async function observePins(host: Host): Promise<Observed> {
  return observe(host.kernel, host.layout, { hooks: [], contents: new Set(), applied: await appliedNow(host.state) });
}

/** The whole state of the kernel, with the contents of every map that Sluice fills: what `sluice snapshot` exports. */
export async function observeAll(host: Host): Promise<Observed> {
  const devices = await host.kernel.devices();
  const hooks = devices.flatMap((device) => hookKinds.map((kind) => ({ interface: device.name, kind })));
  return observe(host.kernel, host.layout, { hooks, contents: "ours", applied: await appliedNow(host.state) });
}
