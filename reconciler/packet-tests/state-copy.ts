// SPDX-License-Identifier: Apache-2.0
import { countersDefinition } from "../../bpf/chain/counters.ts";
import { noEntries } from "../../bpf/kernel/entries.ts";
import type { Kernel, MapPin } from "../../bpf/kernel/kernel.ts";
import { performOrUndo } from "../5-apply/perform.ts";
import type { Objects } from "../5-apply/step-requests.ts";
import type { DesiredHook } from "../model/desired.ts";
import type { Generation, GenerationMap, Manifest } from "../model/generation.ts";
import type { PinLayout } from "../model/pins.ts";
import { type ScratchChain, scratchChain } from "./scratch-chain.ts";

/** Types of map whose entries can be read and written as they are. */
const copied = /^((lru_)?(percpu_)?hash|(percpu_)?array|lpm_trie|devmap|devmap_hash|cpumap)$/;

/** A chain with what the running one remembers, in maps of its own: its packets change nothing of what runs. */
export interface StateCopy {
  readonly chain: ScratchChain;
  /** "step/map" of maps that start empty instead. */
  readonly empty: readonly string[];
}

/** Loads the generation that runs once more, below `layout`, with copies of its maps as they are now. Throws what an apply would. */
export async function copyRunning(
  kernel: Kernel,
  objects: Objects,
  running: Manifest,
  live: PinLayout,
  layout: PinLayout,
): Promise<StateCopy> {
  const pins = await mapPins(kernel, live);
  const counters = `${layout.root}/counters`;
  const slots = running.steps.length;
  await kernel.createMap(counters, { name: "sl_counters", definition: countersDefinition(slots), btf: null });
  const empty: string[] = [];
  // What the running chain has at tracepoints watches for itself alone.
  const steps = running.steps.map(({ watch: _, ...step }, slot) => ({
    ...step,
    slot,
    maps: step.maps.map((map) => moved(map, live, layout)),
  }));
  for (const [index, step] of running.steps.entries()) {
    const spec = objects.spec(step.object);
    for (const [number, map] of step.maps.entries()) {
      const pin = (steps[index]?.maps[number] as GenerationMap).pin;
      const definition = spec.maps.find(({ name }) => name === map.name)?.definition;
      const found = pins.get(map.pin);
      if (definition === undefined || found === undefined)
        throw new Error(`Map "${map.name}" of step "${step.name}" is not pinned any more`);
      const request = { name: found.name, definition: { ...definition, maxEntries: found.maxEntries }, btf: spec.btf };
      await kernel.createMap(pin, request);
      if (!(await copyContents(kernel, found, pin)) && (map.programs ?? []).length === 0) empty.push(`${step.name}/${map.name}`);
    }
  }
  const generation: Generation = { ...running, counters: { pin: counters, family: 0, slots, next: slots }, steps };
  const directory = `${layout.root}/gen`;
  await performOrUndo(kernel, objects, [{ kind: "load", pin: directory, generation, origins: {} }], "prepare", () => undefined);
  return { chain: scratchChain(kernel, generation, directory, () => null), empty };
}

/**
 * Gives a freshly loaded chain what the running one remembers, where it will use the very same maps. Sets are what the policy says
 * already; keys that it gives stand above what is taken over. Maps that are others, or new, stay as they are and are named.
 */
export async function carryState(
  kernel: Kernel,
  desired: DesiredHook,
  chain: ScratchChain,
  live: PinLayout,
  layout: PinLayout,
): Promise<readonly string[]> {
  const pins = await mapPins(kernel, live);
  const empty: string[] = [];
  for (const [index, step] of chain.generation.steps.entries()) {
    for (const [number, map] of step.maps.entries()) {
      const wanted = desired.chain[index]?.maps[number];
      if (wanted === undefined || wanted.content === "whole" || map.programs !== undefined) continue;
      const from = pins.get(moved(map, layout, live).pin);
      if (from === undefined) continue;
      if (!(await copyContents(kernel, from, map.pin))) empty.push(`${step.name}/${map.name}`);
      const { keySize, valueSize } = wanted.entries;
      if (wanted.entries.count > 0) await kernel.writeMap(map.pin, wanted.entries, noEntries(keySize, valueSize));
    }
  }
  return empty;
}

async function mapPins(kernel: Kernel, { root }: PinLayout): Promise<ReadonlyMap<string, MapPin>> {
  const pins = await kernel.pins(root);
  return new Map(pins.flatMap((pin) => (pin.kind === "map" ? [[pin.path, pin] as const] : [])));
}

function moved(map: GenerationMap, from: PinLayout, to: PinLayout): GenerationMap {
  return { ...map, pin: `${to.root}${map.pin.slice(from.root.length)}` };
}

/** False for a type whose contents cannot be copied. */
async function copyContents(kernel: Kernel, from: MapPin, to: string): Promise<boolean> {
  if (!copied.test(from.type)) return false;
  const entries = await kernel.readMap(from.path);
  if (entries.count > 0) await kernel.writeMap(to, entries, noEntries(entries.keySize, entries.valueSize));
  return true;
}
