// SPDX-License-Identifier: Apache-2.0
import { basename, dirname } from "node:path";
import type { Pin } from "../../bpf/kernel/kernel.ts";
import { nameId, type Watched } from "../../bpf/kernel/tripwire.ts";
import { parsePin } from "../3-observed/parse-pin.ts";
import type { PinLayout } from "../model/pins.ts";

export interface WatchedPins {
  readonly things: Watched;
  /** What an event is about, by "map 7", "link 7", "name 7": pins, and directories above pins. */
  readonly paths: Map<string, readonly string[]>;
}

/** What to hear of so that nobody changes, removes or renames one of these pins unheard. Counters change all the time. */
export function watchedPins(layout: PinLayout, pins: readonly Pin[]): WatchedPins {
  const paths = new Map<string, string[]>();
  const add = (key: string, path: string) => {
    const known = paths.get(key);
    if (known === undefined) paths.set(key, [path]);
    else known.push(path);
  };
  const directories = new Set<string>();
  for (const { kind, id, path } of pins) {
    const place = parsePin(layout, path);
    if (place === null) continue;
    if (kind !== "program" && place.kind !== "counters") add(`${kind} ${id}`, path);
    add(`name ${nameId(basename(path))}`, path);
    for (let at = dirname(path); !directories.has(at) && at !== "/"; at = dirname(at)) directories.add(at);
  }
  for (const path of directories) add(`name ${nameId(basename(path))}`, path);
  const ids = (kind: string) =>
    [...paths.keys()].flatMap((key) => (key.startsWith(`${kind} `) ? [Number(key.slice(kind.length + 1))] : []));
  return { things: { maps: ids("map"), links: ids("link"), names: ids("name") }, paths };
}
