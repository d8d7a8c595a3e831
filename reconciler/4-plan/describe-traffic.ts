// SPDX-License-Identifier: Apache-2.0
import { type Hook, hookName } from "../model/hook.ts";
import type { HookPlan, SetKeys } from "../model/plan.ts";

/** What packets meet while a hook is changed, in a sentence. */
export function describeTraffic(hook: Hook, action: HookPlan["action"], keys: readonly SetKeys[], changesMode: boolean): string {
  const at = hookName(hook);
  switch (action) {
    case "attach":
      return `Packets at ${at} pass unfiltered until the chain is attached as a whole`;
    case "switch":
      return changesMode
        ? `Packets at ${at} pass unfiltered for some milliseconds: the mode of an XDP link cannot be changed in place`
        : `Every packet meets either the old or the new chain: one link update${keys.length > 0 ? `, and ${inPlace(keys)}` : ""}`;
    case "update":
      return `The running chain stays: ${inPlace(keys)}`;
    case "reattach":
      return `Packets at ${at} pass unfiltered until the chain is attached again: its link is dead, detached by somebody or gone with its device`;
    case "detach":
      return `Packets at ${at} pass unfiltered from then on`;
    case "pending":
      return `Interface "${hook.interface}" does not exist yet: the chain is attached when it appears`;
    case "unchanged":
      return "";
  }
}

function inPlace(keys: readonly SetKeys[]): string {
  const count = keys.reduce((sum, change) => sum + change.added + change.changed + change.removed, 0);
  return count === 1 ? "1 map key changes in place" : `${count} map keys change in place, one by one`;
}
