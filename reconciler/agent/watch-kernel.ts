// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { Tripwire, TripwireEvent } from "../../bpf/kernel/tripwire.ts";
import { type Place, parsePin } from "../3-observed/parse-pin.ts";
import type { DriftFinding } from "../6-report/describe-drift.ts";
import type { Culprit } from "../model/culprit.ts";
import { hookName } from "../model/hook.ts";
import type { PinLayout } from "../model/pins.ts";

/** Hears who changes our maps and links, as it happens. */
export interface KernelWatch {
  /** Watches what is pinned now. */
  rearm(): Promise<void>;
  /** Who did it, as far as that was heard: the last call on what a finding is about. */
  culprit(finding: DriftFinding): Culprit | null;
  end(): void;
}

export interface KernelWatchOptions {
  readonly kernel: Pick<Kernel, "pins">;
  readonly layout: PinLayout;
  readonly tripwire: Tripwire;
  /** Told when another process has changed something of ours. */
  changed(): void;
}

/** Milliseconds between two looks at the ring buffer: a few microseconds each, no call of the kernel. */
const lookEvery = 10;

/** Events that are kept, for findings that are made of them later. */
const mostKept = 256;

export function watchKernel({ kernel, layout, tripwire, changed }: KernelWatchOptions): KernelWatch {
  let places = new Map<string, Place>();
  let heard: { readonly place: Place; readonly culprit: Culprit }[] = [];
  const look = (): void => {
    const events = tripwire.read();
    for (const event of events) {
      const place = places.get(`${event.kind} ${event.id}`);
      if (place !== undefined) heard.push({ place, culprit: culpritOf(event) });
    }
    heard = heard.slice(-mostKept);
    if (events.length > 0) changed();
  };
  const timer = setInterval(look, lookEvery);
  timer.unref();
  return {
    async rearm() {
      const pins = await kernel.pins(layout.root);
      const watched = pins.flatMap((pin) => {
        const place = parsePin(layout, pin.path);
        return place === null || pin.kind === "program" || place.kind === "counters" ? [] : [{ pin, place }];
      });
      places = new Map(watched.map(({ pin, place }) => [`${pin.kind} ${pin.id}`, place]));
      const ids = (kind: "map" | "link") => watched.flatMap(({ pin }) => (pin.kind === kind ? [pin.id] : []));
      tripwire.watch({ maps: ids("map"), links: ids("link") });
    },
    culprit: (finding) => heard.findLast(({ place }) => isAbout(finding, place))?.culprit ?? null,
    end() {
      clearInterval(timer);
      tripwire.close();
    },
  };
}

function isAbout({ hook, place: name }: DriftFinding, place: Place): boolean {
  if (hookName(place.hook) !== hookName(hook)) return false;
  return place.kind === "map" ? name === `map ${place.step}/${place.map}` : place.kind === "link" && !name.startsWith("map ");
}

/** Asked at once: a command is gone soon. */
function culpritOf({ call, pid, uid, command, cgroup }: TripwireEvent): Culprit {
  return { call, pid, command, uid, cgroup: cgroupOf(pid) ?? `cgroup ${cgroup}`, at: new Date().toISOString() };
}

function cgroupOf(pid: number): string | null {
  try {
    return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? null;
  } catch {
    return null;
  }
}
