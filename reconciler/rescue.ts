// SPDX-License-Identifier: Apache-2.0
import type { Kernel, LinkPin, Pin, ProgramPin } from "../bpf/kernel/kernel.ts";
import { parsePin } from "./3-observed/parse-pin.ts";
import type { Hook } from "./model/hook.ts";
import { hookName } from "./model/hook.ts";
import { generationDirectory, type PinLayout } from "./model/pins.ts";
import { missingPin } from "./require-pins.ts";

/** What a rescue does to one hook. */
export type RescueAction =
  | { readonly kind: "detach"; readonly hook: Hook; readonly link: string }
  /** Between generations, by their ids; `from` is null when the link holds none that is pinned. */
  | {
      readonly kind: "switch";
      readonly hook: Hook;
      readonly link: string;
      readonly from: string | null;
      readonly to: string;
      readonly program: string;
    }
  | { readonly kind: "left"; readonly hook: Hook; readonly reason: string };

export interface RescueFailure {
  /** "eth0/xdp". */
  readonly hook: string;
  readonly reason: string;
}

/** What can be done from pins alone, for every hook that has a link of ours. Changes nothing. */
export async function planRescue(kernel: Kernel, layout: PinLayout, how: "detach" | "previous"): Promise<readonly RescueAction[]> {
  const pins = await kernel.pins(layout.root);
  const actions: RescueAction[] = [];
  for (const pin of pins) {
    const place = pin.kind === "link" ? parsePin(layout, pin.path) : null;
    if (pin.kind !== "link" || place?.kind !== "link") continue;
    const { hook } = place;
    actions.push(how === "detach" ? { kind: "detach", hook, link: pin.path } : await planSwitch(kernel, layout, hook, pin, pins));
  }
  return actions;
}

/** Does all of it, whatever fails on the way. */
export async function performRescue(kernel: Kernel, actions: readonly RescueAction[]): Promise<readonly RescueFailure[]> {
  const failures: RescueFailure[] = [];
  for (const action of actions) {
    try {
      if (action.kind === "detach") await kernel.detach(action.link);
      // Whatever the link holds now.
      if (action.kind === "switch") await kernel.switchLink(action.link, null, action.program);
    } catch (error) {
      failures.push({ hook: hookName(action.hook), reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return failures;
}

/** The newest other generation that is whole: program ids only grow. */
async function planSwitch(kernel: Kernel, layout: PinLayout, hook: Hook, link: LinkPin, pins: readonly Pin[]): Promise<RescueAction> {
  const programs = generationsOf(layout, hook, pins);
  const from = programs.find(({ pin }) => pin.id === link.programId)?.generation ?? null;
  const others = programs.filter(({ pin }) => pin.id !== link.programId).sort((one, other) => other.pin.id - one.pin.id);
  for (const { generation, pin } of others) {
    const directory = generationDirectory(layout, hook, generation);
    const way = { kind: "switch", at: hook, link: link.path, from: null, to: directory } as const;
    if ((await missingPin(kernel, [way], pins)) === null)
      return { kind: "switch", hook, link: link.path, from, to: generation, program: pin.path };
  }
  return { kind: "left", hook, reason: "no other generation is pinned for it" };
}

function generationsOf(
  layout: PinLayout,
  hook: Hook,
  pins: readonly Pin[],
): readonly { readonly generation: string; readonly pin: ProgramPin }[] {
  return pins.flatMap((pin) => {
    const place = pin.kind === "program" ? parsePin(layout, pin.path) : null;
    if (pin.kind !== "program" || place?.kind !== "program" || hookName(place.hook) !== hookName(hook)) return [];
    return [{ generation: place.generation, pin }];
  });
}
