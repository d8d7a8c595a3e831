// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { Tripwire, TripwireEvent } from "../../bpf/kernel/tripwire.ts";
import { parsePin } from "../3-observed/parse-pin.ts";
import type { DriftFinding } from "../6-report/describe-drift.ts";
import type { Culprit } from "../model/culprit.ts";
import { hookDirectory, type PinLayout } from "../model/pins.ts";
import { watchedPins } from "./watched-pins.ts";

/** Hears who changes our maps and links and removes our pins, as it happens. */
export interface KernelWatch {
  /** Watches what is pinned now. true when some of it is new: nobody heard what became of that before. */
  rearm(): Promise<boolean>;
  /** How much has been heard until now: for culprit(). */
  heard(): number;
  /** Who did it, as far as that was heard: the last call on what a finding is about, of those that were not heard yet at `since`. */
  culprit(finding: DriftFinding, since: number): Culprit | null;
  end(): Promise<void>;
}

export interface KernelWatchOptions {
  readonly kernel: Pick<Kernel, "pins">;
  readonly layout: PinLayout;
  readonly tripwire: Tripwire;
  /** Told when another process has changed something of ours. */
  changed(): void;
}

/** What comes within so many milliseconds is read together, however much it is. */
const together = 10;

/** Events that are kept, for findings that are made of them later. */
const mostKept = 256;

/** What somebody did to something of ours: at a pin, or at a directory above pins. */
interface Deed {
  /** Ascending, from 0. */
  readonly number: number;
  readonly path: string;
  readonly removed: boolean;
  readonly culprit: Culprit;
}

export function watchKernel({ kernel, layout, tripwire, changed }: KernelWatchOptions): KernelWatch {
  /** By what an event says. */
  let paths = new Map<string, readonly string[]>();
  let deeds: readonly Deed[] = [];
  let heard = 0;
  /** Pins of `paths` that somebody has taken away: no later call can have done that. */
  let gone = new Set<string>();
  const hear = (event: TripwireEvent): void => {
    const about = paths.get(`${event.kind} ${event.id}`) ?? [];
    for (const deed of deedsOf(event, about, gone)) {
      deeds = [...deeds, { ...deed, number: heard++ }].slice(-mostKept);
      if (deed.removed) for (const path of missingBelow(deed.path, paths)) gone.add(path);
    }
  };
  const look = (): void => {
    const before = heard;
    for (const event of tripwire.read()) hear(event);
    if (heard > before) changed();
  };
  let ended = false as boolean;
  const listen = async (): Promise<void> => {
    while (!ended) {
      await tripwire.wait();
      look();
      await sleep(together);
    }
  };
  const listening = listen();
  return {
    async rearm() {
      const pins = await kernel.pins(layout.root);
      // What is gone by now is not among them any more.
      look();
      const before = paths;
      const watched = watchedPins(layout, pins);
      paths = watched.paths;
      gone = new Set();
      tripwire.watch(watched.things);
      return [...paths.keys()].some((key) => !before.has(key));
    },
    heard() {
      look();
      return heard;
    },
    culprit(finding, since) {
      look();
      return deeds.findLast((deed) => deed.number >= since && isAbout(layout, finding, deed))?.culprit ?? null;
    },
    async end() {
      ended = true;
      tripwire.wake();
      await listening;
      tripwire.close();
    },
  };
}

/** Names are known by a hash, and other files are called the same: what is still there was not meant. */
function deedsOf(event: TripwireEvent, paths: readonly string[], gone: ReadonlySet<string>): ReadonlyArray<Omit<Deed, "number">> {
  const removed = event.kind === "name";
  const meant = event.call === "unlink" ? paths.filter((path) => !gone.has(path) && !existsSync(path)) : paths;
  if (meant.length === 0) return [];
  const culprit = culpritOf(event);
  return meant.map((path) => ({ path, removed, culprit }));
}

function missingBelow(directory: string, paths: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return [...paths.values()].flat().filter((path) => isBelow(path, directory) && !existsSync(path));
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

function isAbout(layout: PinLayout, { hook, place: name }: DriftFinding, { path, removed }: Deed): boolean {
  const directory = hookDirectory(layout, hook);
  const place = parsePin(layout, path);
  if (place === null) return removed && (isBelow(path, directory) || isBelow(directory, path));
  if (!isBelow(path, directory)) return false;
  if (place.kind === "map" && name === `map ${place.step}/${place.map}`) return true;
  // Without the pin of a map or a program the chain counts as changed.
  return !name.startsWith("map ") && (removed || place.kind === "link");
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
