// SPDX-License-Identifier: Apache-2.0
import { planCuts } from "../../bpf/chain/cut-chain.ts";
import type { LinkedChain, StepToLink } from "../../bpf/chain/linked-chain.ts";
import { verdictProgram } from "../../bpf/chain/verdict-step.ts";
import type { Kernel, MapBinding } from "../../bpf/kernel/kernel.ts";
import { type Classic, decodeClassic } from "../../bpf/match/classic.ts";
import type { Generation, GenerationMatch, GenerationStep, Manifest } from "../model/generation.ts";
import type { Load } from "../model/operation.ts";
import { watchPin } from "../model/pins.ts";
import { fillArrays } from "./fill-arrays.ts";
import { linkError, segmentError, stepError } from "./load-errors.ts";
import { type LoadedSegments, loadSegments, SegmentRefused } from "./load-segments.ts";
import { bindStep, type Objects, relocateRequest } from "./step-requests.ts";
import { watchFor } from "./watch-for.ts";

const countersReference = "counters";

/**
 * Loads every step alone, links them, loads the chain and pins it with its manifest. The step is verified alone first, so that the
 * verifier's complaint is about a step of the policy and not about instruction 2741 of a chain, and so that it is known what share
 * of the verifier's budget each step takes.
 */
export async function loadGeneration(kernel: Kernel, objects: Objects, load: Load): Promise<void> {
  const { generation } = load;
  const steps: StepToLink[] = [];
  for (const step of generation.steps) steps.push(await relocateStep(kernel, objects, load, step));
  for (const step of generation.steps) await fillStep(kernel, objects, load, step);
  const loaded = await loadChain(kernel, objects, load, steps);
  for (const step of generation.steps) await watchStep(kernel, objects, load, step);
  const manifest: Manifest = { ...generation, linked: describeLinking(loaded, bindMaps(objects, generation, loaded.segments, steps)) };
  await kernel.createFrozenMap(`${load.pin}/manifest`, "sl_manifest", Buffer.from(JSON.stringify(manifest)));
}

async function relocateStep(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep): Promise<StepToLink> {
  const { name, continueOn, slot } = step;
  const match = step.match === undefined ? {} : { match: decodeMatch(step.match) };
  const rules = step.rules === undefined ? {} : { rules: step.rules.map((rule) => ({ match: decodeMatch(rule), goesOn: rule.goesOn })) };
  if (step.verdict !== undefined) return { name, program: verdictProgram(step.verdict), continueOn, slot, ...match };
  try {
    const program = await kernel.relocate(relocateRequest(objects, load.generation, step, step.function));
    return { name, program, continueOn, slot, ...match, ...rules };
  } catch (error) {
    throw stepError(load, name, error);
  }
}

function decodeMatch({ code }: GenerationMatch): readonly Classic[] {
  return decodeClassic(Buffer.from(code, "base64"));
}

async function watchStep(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep): Promise<void> {
  try {
    await watchFor(kernel, objects, watchPin(load.pin, step.name), load.generation, step);
  } catch (error) {
    throw stepError(load, step.name, error);
  }
}

async function fillStep(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep): Promise<void> {
  try {
    await fillArrays(kernel, objects, load, step);
  } catch (error) {
    throw stepError(load, step.name, error);
  }
}

async function loadChain(kernel: Kernel, objects: Objects, load: Load, steps: readonly StepToLink[]): Promise<LoadedSegments> {
  const { hook, end, counters } = load.generation;
  const name = kernelName(hook.interface, hook.kind);
  const chain = { hook: hook.kind, name, steps, end, counters: counters === null ? null : { map: countersReference } };
  const plan = planCuts(chain);
  if (plan.kind === "refused") throw linkError(load, plan);
  const bind = (segment: LinkedChain) => bindMaps(objects, load.generation, [segment], steps);
  try {
    const loaded = await loadSegments(kernel, { directory: load.pin, chain, plan, bind });
    if (loaded.kind === "loaded") return loaded;
    throw linkError(load, loaded);
  } catch (error) {
    throw error instanceof SegmentRefused ? await segmentError(kernel, load, chain, error, bind) : error;
  }
}

/** Every "step/map" of the segments: pinned maps of the steps, and constants made for this program. */
function bindMaps(
  objects: Objects,
  generation: Generation,
  segments: readonly LinkedChain[],
  programs: readonly StepToLink[],
): Record<string, MapBinding> {
  const bindings: Record<string, MapBinding> = {};
  const used = new Set(segments.flatMap(({ instructions }) => instructions.flatMap((instruction) => instruction.map ?? [])));
  const bind = (reference: string, binding: MapBinding) => {
    if (used.has(reference)) bindings[reference] = binding;
  };
  if (generation.counters !== null) bind(countersReference, { kind: "pinned", path: generation.counters.pin });
  for (const step of generation.steps) {
    if (step.verdict !== undefined) continue;
    const program = programs.find(({ name }) => name === step.name)?.program;
    for (const [map, binding] of bindStep(objects, step, program)) bind(`${step.name}/${map}`, binding);
  }
  return bindings;
}

function describeLinking({ segments, reason }: LoadedSegments, maps: Readonly<Record<string, MapBinding>>): Manifest["linked"] {
  const pins = Object.values(maps).flatMap((binding) => (binding.kind === "pinned" ? [binding.path] : []));
  const parts = segments.map(({ steps, instructions }) => ({ steps: steps.map(({ name }) => name), instructions: instructions.length }));
  return {
    steps: segments.flatMap(({ steps }) => steps),
    instructions: parts.reduce((sum, { instructions }) => sum + instructions, 0),
    maps: pins.sort(),
    ...(reason === null ? {} : { split: { reason, segments: parts } }),
  };
}

/** At most 15 bytes: "sl_eth0_xdp", "sl_eth0_in". */
function kernelName(device: string, kind: Generation["hook"]["kind"]): string {
  const suffix = { xdp: "xdp", "tc-ingress": "in", "tc-egress": "out" }[kind];
  const plain = device.replace(/[^A-Za-z0-9]/g, "_");
  return `sl_${plain.slice(0, 15 - 4 - suffix.length)}_${suffix}`;
}
