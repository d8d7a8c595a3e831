// SPDX-License-Identifier: Apache-2.0
import type { AttachedProgram, Device, Kernel, LinkPin, MapPin, Pin, ProgramPin } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import type { Applied } from "../model/applied.ts";
import type { Manifest } from "../model/generation.ts";
import { type Hook, hookName } from "../model/hook.ts";
import type { Observed, ObservedCounters, ObservedGeneration, ObservedHook, ObservedMap, ObservedWatch } from "../model/observed.ts";
import { firstCopy, isScratch, type PinLayout } from "../model/pins.ts";
import { type Place, parsePin } from "./parse-pin.ts";
import { readManifest } from "./read-manifest.ts";

export interface ObserveRequest {
  /** Hooks to look at even when nothing of ours is pinned there. */
  readonly hooks: readonly Hook[];
  /** Pins of maps whose contents are wanted; "ours" reads every map that a manifest says we fill. */
  readonly contents: ReadonlySet<string> | "ours";
  readonly applied: Applied | null;
}

/** Passes of others that end while one looks; each removes what it leaves within milliseconds. */
const mostLooks = 5;

/**
 * Reads the state of the kernel: pins, links, manifests, contents, foreign programs. Changes nothing. Whoever reads without the state lock may
 * find that a pin it has listed was removed before it was read; then it looks anew.
 */
export async function observe(kernel: Kernel, layout: PinLayout, request: ObserveRequest): Promise<Observed> {
  for (let looks = 1; ; looks += 1) {
    try {
      return await look(kernel, layout, request);
    } catch (error) {
      if (looks === mostLooks || !isGone(error)) throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof KernelError && error.errno === "ENOENT";
}

async function look(kernel: Kernel, layout: PinLayout, request: ObserveRequest): Promise<Observed> {
  const devices = await kernel.devices();
  const { found, unknown } = sortPins(layout, await kernel.pins(layout.root), request.hooks);
  const present = new Set(devices.map((device) => device.name));
  const hooks: ObservedHook[] = [];
  for (const pins of found.values()) hooks.push(await observeHook(kernel, pins, present, request));
  hooks.sort((a, b) => compare(hookName(a.hook), hookName(b.hook)));
  return { devices: sortDevices(devices), hooks, unknown, applied: request.applied };
}

interface HookPins {
  readonly hook: Hook;
  link: LinkPin | null;
  readonly generations: Map<string, GenerationPins>;
  readonly maps: { readonly place: Place & { kind: "map" }; readonly pin: MapPin }[];
  readonly counters: ObservedCounters[];
}

interface GenerationPins {
  program: ProgramPin | null;
  manifest: MapPin | null;
  segments: MapPin | null;
  /** By number: the program of segment 0 is `program`. */
  readonly others: Map<number, ProgramPin>;
  readonly watches: ObservedWatch[];
}

function sortPins(layout: PinLayout, pins: readonly Pin[], asked: readonly Hook[]) {
  const found = new Map<string, HookPins>();
  const unknown: string[] = [];
  for (const hook of asked) pinsOf(found, hook);
  for (const pin of pins) {
    if (isScratch(layout, pin.path)) continue;
    const place = parsePin(layout, pin.path);
    if (place === null || !keep(pinsOf(found, place.hook), place, pin)) unknown.push(pin.path);
  }
  return { found, unknown };
}

function pinsOf(found: Map<string, HookPins>, hook: Hook): HookPins {
  const name = hookName(hook);
  const known = found.get(name);
  if (known !== undefined) return known;
  const fresh: HookPins = { hook, link: null, generations: new Map(), maps: [], counters: [] };
  found.set(name, fresh);
  return fresh;
}

/** False when the kind of object does not fit the place. */
function keep(hook: HookPins, place: Place, pin: Pin): boolean {
  if (place.kind === "link" && pin.kind === "link") hook.link = pin;
  else if (place.kind === "program" && pin.kind === "program") generationOf(hook, place.generation).program = pin;
  else if (place.kind === "manifest" && pin.kind === "map") generationOf(hook, place.generation).manifest = pin;
  else if (place.kind === "segments" && pin.kind === "map") generationOf(hook, place.generation).segments = pin;
  else if (place.kind === "segment" && pin.kind === "program") generationOf(hook, place.generation).others.set(place.number, pin);
  else if (place.kind === "watch" && pin.kind === "link") generationOf(hook, place.generation).watches.push({ step: place.step, pin });
  else if (place.kind === "counters" && pin.kind === "map") hook.counters.push({ pin, family: place.family, slots: place.slots });
  else if (place.kind === "map" && pin.kind === "map") hook.maps.push({ place, pin });
  else return false;
  return true;
}

function generationOf(hook: HookPins, id: string): GenerationPins {
  const known = hook.generations.get(id);
  if (known !== undefined) return known;
  const fresh: GenerationPins = { program: null, manifest: null, segments: null, others: new Map(), watches: [] };
  hook.generations.set(id, fresh);
  return fresh;
}

async function observeHook(kernel: Kernel, pins: HookPins, present: ReadonlySet<string>, request: ObserveRequest): Promise<ObservedHook> {
  const attached = present.has(pins.hook.interface) ? await kernel.attached(pins.hook.interface, pins.hook.kind) : [];
  const generations = await observeGenerations(kernel, pins);
  const wanted = request.contents === "ours" ? mapsWeFill(generations) : request.contents;
  const maps: ObservedMap[] = [];
  for (const { place, pin } of pins.maps) {
    const entries = wanted.has(pin.path) || wanted.has(firstCopy(pin.path)) ? await kernel.readMap(pin.path) : null;
    maps.push({ step: place.step, map: place.map, incarnation: place.incarnation, pin, entries });
  }
  const ours = attached.find((program) => isOurs(program, pins.link));
  return {
    hook: pins.hook,
    link: pins.link,
    mode: ours?.mode ?? null,
    generations,
    maps,
    counters: pins.counters,
    foreign: attached.filter((program) => !isOurs(program, pins.link)),
  };
}

/** XDP is asked over netlink, which knows no link ids before Linux 6.x: there the program has to tell. */
function isOurs(program: AttachedProgram, link: LinkPin | null): boolean {
  if (link === null) return false;
  return program.linkId === null ? program.programId === link.programId : program.linkId === link.id;
}

async function observeGenerations(kernel: Kernel, pins: HookPins): Promise<ObservedGeneration[]> {
  const mapIds = new Map([...pins.maps, ...pins.counters].map(({ pin }) => [pin.path, pin.id]));
  const generations: ObservedGeneration[] = [];
  for (const [id, { program, manifest: pin, segments, others, watches }] of pins.generations) {
    const manifest = pin === null ? null : readManifest(await kernel.readMap(pin.path));
    const behind = [...others].sort(([a], [b]) => a - b).map(([, other]) => other);
    const programs = program === null ? behind : [program, ...behind];
    const whole = program !== null && manifest?.id === id && usesPinnedMaps(programs, manifest, mapIds);
    const intact = whole && hasSegments(programs, segments, manifest) && hasWatches(manifest, watches);
    const running = program !== null && pins.link?.programId === program.id;
    generations.push({ id, program, behind, segments, ...(watches.length === 0 ? {} : { watches }), manifest, intact, running });
  }
  return generations;
}

/**
 * Every program of a split chain is there, and leads to the next through the array that is pinned: without its pin the kernel has
 * emptied it. What it holds needs no look, because it was frozen before the manifest was written.
 */
function hasSegments(programs: readonly ProgramPin[], segments: MapPin | null, { linked }: Manifest): boolean {
  if (linked.split === undefined) return programs.length === 1;
  if (programs.length !== linked.split.segments.length || segments === null) return false;
  return programs.slice(0, -1).every(({ maps }) => maps.includes(segments.id));
}

/** A link whose pin is gone has gone as well: nothing watches for the step any more. */
function hasWatches({ steps }: Manifest, watches: readonly ObservedWatch[]): boolean {
  return steps.every(({ name, watch }) => watch === undefined || watches.some(({ step }) => step === name));
}

/** Somebody may have removed a pin, or pinned another map in its place: then what we write there never reaches the program. */
function usesPinnedMaps(programs: readonly ProgramPin[], manifest: Manifest, mapIds: ReadonlyMap<string, number>): boolean {
  const used = new Set(programs.flatMap(({ maps }) => maps));
  const pinned = manifest.steps.every((step) => step.maps.every((map) => mapIds.has(map.pin)));
  return pinned && manifest.linked.maps.every((path) => used.has(mapIds.get(path) ?? -1));
}

function mapsWeFill(generations: readonly ObservedGeneration[]): ReadonlySet<string> {
  const maps = generations.flatMap(({ manifest }) => manifest?.steps.flatMap((step) => step.maps) ?? []);
  return new Set(maps.filter((map) => map.content !== "none").map((map) => map.pin));
}

function sortDevices(devices: readonly Device[]): readonly Device[] {
  return [...devices].sort((a, b) => compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
