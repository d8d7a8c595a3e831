// SPDX-License-Identifier: Apache-2.0
import { linkChain } from "../../bpf/chain/link-chain.ts";
import type { LinkedChain, StepToLink } from "../../bpf/chain/linked-chain.ts";
import type { Kernel, MapBinding } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
import type { Generation, GenerationStep, Manifest } from "../model/generation.ts";
import { hookName } from "../model/hook.ts";
import type { Load } from "../model/operation.ts";
import { printOrigin } from "../model/origin.ts";
import { ReconcilerError } from "../reconciler-error.ts";

/** ELF files by their digest, and what libbpf says of them. */
export interface Objects {
  bytes(digest: string): Uint8Array;
  spec(digest: string): ObjectSpec;
}

const countersReference = "counters";

/**
 * Loads every step alone, links them, loads the chain and pins it with its manifest. The step is verified alone first, so that the
 * verifier's complaint is about a step of the policy and not about instruction 2741 of a chain.
 */
export async function loadGeneration(kernel: Kernel, objects: Objects, load: Load): Promise<void> {
  const { generation } = load;
  const steps: StepToLink[] = [];
  for (const step of generation.steps) steps.push(await relocateStep(kernel, objects, load, step));
  const chain = linkSteps(load, steps);
  const maps = bindMaps(objects, generation, chain, steps);
  await loadChain(kernel, load, chain, maps);
  const manifest: Manifest = { ...generation, linked: describeLinking(chain, maps) };
  await kernel.createFrozenMap(`${load.pin}/manifest`, "sl_manifest", Buffer.from(JSON.stringify(manifest)));
}

async function relocateStep(kernel: Kernel, objects: Objects, load: Load, step: GenerationStep): Promise<StepToLink> {
  const request = {
    object: objects.bytes(step.object),
    function: step.function,
    hook: load.generation.hook.kind,
    globals: globalsOf(step),
    maps: Object.fromEntries(step.maps.map((map) => [map.name, map.pin])),
  };
  try {
    return { name: step.name, program: await kernel.relocate(request), continueOn: step.continueOn, slot: step.slot };
  } catch (error) {
    throw stepError(load, step.name, error);
  }
}

/** A step that a program of its own cannot load: its name, its line, the verifier's last words. */
function stepError(load: Load, step: string, cause: unknown): unknown {
  if (!(cause instanceof KernelError)) return cause;
  const origin = load.origins[step];
  const place = origin === undefined ? "" : ` (${printOrigin(origin)})`;
  // "Cannot load "limiter": the verifier refused it …": the step is named already.
  const said = cause.message.replace(/^Cannot \w+ "[^"]*": /, "");
  const hint = cause.log === null ? {} : { hint: "the whole log of the verifier is shown with --verbose" };
  return new ReconcilerError("apply-failed", `Cannot load step "${step}" of ${hookName(load.generation.hook)}${place}: ${said}`, {
    cause,
    ...hint,
  });
}

function linkSteps(load: Load, steps: readonly StepToLink[]): LinkedChain {
  const { hook, end, counters } = load.generation;
  const name = kernelName(hook.interface, hook.kind);
  const linked = linkChain({ hook: hook.kind, name, steps, end, counters: counters === null ? null : { map: countersReference } });
  if (linked.kind === "linked") return linked;
  const origin = load.origins[linked.step];
  const place = origin === undefined ? "" : ` (${printOrigin(origin)})`;
  throw new ReconcilerError("chain-not-linkable", `Cannot link step "${linked.step}" into ${hookName(hook)}${place}: ${linked.reason}`);
}

async function loadChain(kernel: Kernel, load: Load, chain: LinkedChain, maps: Readonly<Record<string, MapBinding>>): Promise<void> {
  try {
    await kernel.load(`${load.pin}/program`, { chain, maps });
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    const at = hookName(load.generation.hook);
    throw new ReconcilerError("apply-failed", `Cannot load the chain of ${at}, though each step loads alone: ${cause.message}`, { cause });
  }
}

/** Every "step/map" of the chain: pinned maps of the steps, and constants made for this program. */
function bindMaps(
  objects: Objects,
  generation: Generation,
  chain: LinkedChain,
  programs: readonly StepToLink[],
): Record<string, MapBinding> {
  const bindings: Record<string, MapBinding> = {};
  const used = new Set(chain.instructions.flatMap((instruction) => instruction.map ?? []));
  const bind = (reference: string, binding: MapBinding) => {
    if (used.has(reference)) bindings[reference] = binding;
  };
  if (generation.counters !== null) bind(countersReference, { kind: "pinned", path: generation.counters.pin });
  for (const step of generation.steps) {
    for (const map of step.maps) bind(`${step.name}/${map.name}`, { kind: "pinned", path: map.pin });
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

function describeLinking(chain: LinkedChain, maps: Readonly<Record<string, MapBinding>>): Manifest["linked"] {
  const pins = Object.values(maps).flatMap((binding) => (binding.kind === "pinned" ? [binding.path] : []));
  return { steps: chain.steps, instructions: chain.instructions.length, maps: pins.sort() };
}

/** At most 15 bytes: "sl_eth0_xdp", "sl_eth0_in". */
function kernelName(device: string, kind: Generation["hook"]["kind"]): string {
  const suffix = { xdp: "xdp", "tc-ingress": "in", "tc-egress": "out" }[kind];
  const plain = device.replace(/[^A-Za-z0-9]/g, "_");
  return `sl_${plain.slice(0, 15 - 4 - suffix.length)}_${suffix}`;
}
