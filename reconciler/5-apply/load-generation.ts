// SPDX-License-Identifier: Apache-2.0
import { planCuts } from "../../bpf/chain/cut-chain.ts";
import type { LinkedChain, LinkRefusal, StepToLink } from "../../bpf/chain/linked-chain.ts";
import { verdictProgram } from "../../bpf/chain/verdict-step.ts";
import type { Kernel, MapBinding } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { decodeClassic } from "../../bpf/match/classic.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
import type { Generation, GenerationStep, Manifest } from "../model/generation.ts";
import { hookName } from "../model/hook.ts";
import type { Load } from "../model/operation.ts";
import { printOrigin } from "../model/origin.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { type LoadedSegments, loadSegments, SegmentRefused } from "./load-segments.ts";

/** ELF files by their digest, and what libbpf says of them. */
export interface Objects {
  bytes(digest: string): Uint8Array;
  spec(digest: string): ObjectSpec;
}

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
  const loaded = await loadChain(kernel, objects, load, steps);
  const manifest: Manifest = { ...generation, linked: describeLinking(loaded, bindMaps(objects, generation, loaded.segments, steps)) };
  await kernel.createFrozenMap(`${load.pin}/manifest`, "sl_manifest", Buffer.from(JSON.stringify(manifest)));
}

async function relocateStep(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep): Promise<StepToLink> {
  const { name, continueOn, slot } = step;
  const match = step.match === undefined ? {} : { match: decodeClassic(Buffer.from(step.match.code, "base64")) };
  if (step.verdict !== undefined) return { name, program: verdictProgram(step.verdict), continueOn, slot, ...match };
  const request = {
    object: objects.bytes(step.object),
    function: step.function,
    hook: load.generation.hook.kind,
    globals: globalsOf(step),
    maps: Object.fromEntries(step.maps.map((map) => [map.name, map.pin])),
  };
  try {
    return { name, program: await kernel.relocate(request), continueOn, slot, ...match };
  } catch (error) {
    throw stepError(load, name, error);
  }
}

/** A step that a program of its own cannot load: its name, its line, the verifier's last words. */
function stepError(load: Load, step: string, cause: unknown): unknown {
  if (!(cause instanceof KernelError)) return cause;
  // "Cannot load "limiter": the verifier refused it …": the step is named already.
  const said = cause.message.replace(/^Cannot \w+ "[^"]*": /, "");
  const hint = cause.log === null ? {} : { hint: "the whole log of the verifier is shown with --verbose" };
  return new ReconcilerError(
    "apply-failed",
    `Cannot load step "${step}" of ${hookName(load.generation.hook)}${placeOf(load, step)}: ${said}`,
    {
      cause,
      ...hint,
    },
  );
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
    throw error instanceof SegmentRefused ? segmentError(load, error) : error;
  }
}

function linkError(load: Load, { step, reason }: LinkRefusal): ReconcilerError {
  const at = hookName(load.generation.hook);
  return new ReconcilerError("chain-not-linkable", `Cannot link step "${step}" into ${at}${placeOf(load, step)}: ${reason}`);
}

/** The steps load alone, so it is what the chain adds; a single step has been cut out of it already. */
function segmentError(load: Load, { steps, cause }: SegmentRefused): ReconcilerError {
  const at = hookName(load.generation.hook);
  const [only = ""] = steps;
  const what =
    steps.length === 1 && load.generation.steps.length > 1
      ? `step "${only}" of ${at}${placeOf(load, only)} as a program of its own in the chain, though it`
      : `the chain of ${at}, though each step`;
  return new ReconcilerError("apply-failed", `Cannot load ${what} loads alone: ${cause.message}`, { cause });
}

function placeOf(load: Load, step: string): string {
  const origin = load.origins[step];
  return origin === undefined ? "" : ` (${printOrigin(origin)})`;
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
    for (const map of step.maps) bind(`${step.name}/${map.name}`, { kind: "pinned", path: map.pin });
    if (step.verdict !== undefined) continue;
    const spec = objects.spec(step.object);
    const globals = globalsOf(step);
    for (const { name, role, definition, initial } of spec.maps) {
      if (role !== "rodata" && role !== "kconfig") continue;
      const kconfig = role === "kconfig" ? programs.find((program) => program.name === step.name)?.program.kconfig : undefined;
      const value = kconfig ?? globals[name] ?? initial ?? new Uint8Array(definition.valueSize);
      bind(`${step.name}/${name}`, { kind: "constant", name: "sl_rodata", definition, value, btf: spec.btf });
    }
  }
  return bindings;
}

function globalsOf(step: GenerationStep): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(step.globals).map(([name, base64]) => [name, new Uint8Array(Buffer.from(base64, "base64"))]));
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
