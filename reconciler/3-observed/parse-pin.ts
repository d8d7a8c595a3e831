// SPDX-License-Identifier: Apache-2.0
import { type Hook, hookKinds } from "../model/hook.ts";
import { type PinLayout, unescapePin } from "../model/pins.ts";

/** What stands at a path of our layout. */
export type Place =
  | { readonly kind: "link"; readonly hook: Hook }
  | { readonly kind: "program" | "manifest" | "segments"; readonly hook: Hook; readonly generation: string }
  | { readonly kind: "segment"; readonly hook: Hook; readonly generation: string; readonly number: number }
  | { readonly kind: "watch"; readonly hook: Hook; readonly generation: string; readonly step: string }
  | { readonly kind: "counters"; readonly hook: Hook; readonly family: number; readonly slots: number }
  | { readonly kind: "map"; readonly hook: Hook; readonly step: string; readonly map: string; readonly incarnation: string };

/** Reads a path as model/pins.ts writes it; null for one that it never writes. */
export function parsePin(layout: PinLayout, path: string): Place | null {
  if (!path.startsWith(`${layout.root}/`)) return null;
  const [device, kind, area, ...rest] = path.slice(layout.root.length + 1).split("/");
  const hook = parseHook(device, kind);
  if (hook === null) return null;
  if (area === "link" && rest.length === 0) return { kind: "link", hook };
  if (area === "gen") return parseGeneration(hook, rest);
  if (area === "counters") return parseCounters(hook, rest);
  return area === "steps" ? parseMap(hook, rest) : null;
}

function parseHook(device: string | undefined, kind: string | undefined): Hook | null {
  const name = device === undefined ? null : unescapePin(device);
  const known = hookKinds.find((candidate) => candidate === kind);
  return name === null || name === "" || known === undefined ? null : { interface: name, kind: known };
}

function parseGeneration(hook: Hook, rest: readonly string[]): Place | null {
  const [generation = "", leaf] = rest;
  if (rest.length !== 2 || !/^[0-9a-f]{16}(-\d+)?$/.test(generation)) return null;
  if (leaf === "program" || leaf === "manifest" || leaf === "segments") return { kind: leaf, hook, generation };
  const watching = leaf?.startsWith("watch-") === true ? unescapePin(leaf.slice("watch-".length)) : null;
  if (watching) return { kind: "watch", hook, generation, step: watching };
  const segment = /^segment-([1-9]\d?)$/.exec(leaf ?? "");
  return segment === null ? null : { kind: "segment", hook, generation, number: Number(segment[1]) - 1 };
}

function parseCounters(hook: Hook, rest: readonly string[]): Place | null {
  const match = rest.length === 1 ? /^(\d+)-(\d+)$/.exec(rest[0] ?? "") : null;
  return match === null ? null : { kind: "counters", hook, family: Number(match[1]), slots: Number(match[2]) };
}

function parseMap(hook: Hook, rest: readonly string[]): Place | null {
  const [directory = "", leaf = ""] = rest;
  const [name = "", incarnation = "", ...others] = leaf.split("__");
  const [step, map] = [unescapePin(directory), unescapePin(name)];
  if (rest.length !== 2 || others.length > 0 || !step || !map || !/^[0-9a-f]+(-\d+)?$/.test(incarnation)) return null;
  return { kind: "map", hook, step, map, incarnation };
}
