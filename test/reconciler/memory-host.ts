// SPDX-License-Identifier: Apache-2.0

import type { Instruction } from "../../bpf/asm/instruction.ts";
import type { Kernel, RelocateRequest } from "../../bpf/kernel/kernel.ts";
import { createMemoryKernel, type MemoryKernel } from "../../bpf/kernel/memory/memory-kernel.ts";
import type { RelocatedProgram } from "../../bpf/object/relocated-program.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
import { observe } from "../../reconciler/3-observed/observe.ts";
import { planChanges } from "../../reconciler/4-plan/plan-changes.ts";
import { applyPlan, type Committed } from "../../reconciler/5-apply/apply-plan.ts";
import { cleanUp } from "../../reconciler/5-apply/clean-up.ts";
import { undo } from "../../reconciler/5-apply/perform.ts";
import type { Applied } from "../../reconciler/model/applied.ts";
import type { Desired } from "../../reconciler/model/desired.ts";
import type { Journal } from "../../reconciler/model/journal.ts";
import { fromJson, toJson } from "../../reconciler/model/json.ts";
import type { Observed } from "../../reconciler/model/observed.ts";
import type { RolledBack, Stuck } from "../../reconciler/model/outcome.ts";
import { mapPin } from "../../reconciler/model/pins.ts";
import type { Plan } from "../../reconciler/model/plan.ts";
import { objectsOf } from "../../reconciler/objects.ts";
import { openFakeObject } from "./policy-builders.ts";

export const layout = { root: "/sys/fs/bpf/sluice" };

/** A host whose kernel and disk are in memory: what the phases leave behind can be looked at, and survives a "crash". */
export interface MemoryHost {
  readonly memory: MemoryKernel;
  readonly openObject: (elf: Uint8Array) => ObjectSpec;
  /** What is on disk. */
  journal: string | null;
  applied: Applied | null;
}

export function memoryHost(devices: readonly string[], openObject: MemoryHost["openObject"] = openFakeObject): MemoryHost {
  const memory = createMemoryKernel();
  for (const device of devices) memory.addDevice(device);
  return { memory, openObject, journal: null, applied: null };
}

/** The kernel of a host, with programs that need no ELF: each uses every map it is given. */
export function withPlainPrograms(kernel: Kernel): Kernel {
  const relocate = async (request: RelocateRequest): Promise<RelocatedProgram> => ({
    name: request.function,
    license: "GPL",
    instructions: plainProgram(Object.keys(request.maps), request.hook === "xdp" ? 2 : 0),
    btf: null,
    functions: [],
    lines: [],
    frags: false,
    processedInstructions: 2,
  });
  return { ...kernel, relocate };
}

export async function observeFor(kernel: Kernel, host: MemoryHost, desired: Desired): Promise<Observed> {
  const contents = new Set(
    desired.hooks.flatMap(({ hook, chain }) =>
      chain.flatMap((step) => step.maps.map((map) => mapPin(layout, hook, step.name, map.name, map.incarnation))),
    ),
  );
  return observe(kernel, layout, { hooks: desired.hooks.map(({ hook }) => hook), contents, applied: host.applied });
}

export async function planFor(kernel: Kernel, host: MemoryHost, desired: Desired, prune = false): Promise<Plan> {
  const observed = await observeFor(kernel, host, desired);
  const objects = objectsOf(host.openObject, desired.objects);
  return planChanges({ desired, observed, layout, host: "test", version: "0.0.0", prune, btf: (digest) => objects.spec(digest).btf });
}

/** Plans and applies as a pass does; `kernel` may be faulty. */
export async function apply(kernel: Kernel, host: MemoryHost, desired: Desired, prune = true): Promise<Committed | RolledBack | Stuck> {
  const plan = await planFor(kernel, host, desired, prune);
  const result = await applyPlan({
    kernel,
    objects: objectsOf(host.openObject, desired.objects),
    plan,
    applied: host.applied,
    journal: {
      write: async (journal) => void (host.journal = toJson(journal)),
      clear: async () => void (host.journal = null),
      archive: async () => void (host.journal = null),
    },
    verify: async () => {
      return planFor(kernel, { ...host, applied: plan.applied }, desired, true);
    },
    progress: () => undefined,
  });
  if (result.kind === "committed") {
    await cleanUp(kernel, result.cleanup, () => undefined);
    host.applied = plan.applied;
  }
  return result;
}

/** What a start after a crash does first. */
export async function recoverHost(kernel: Kernel, host: MemoryHost): Promise<void> {
  if (host.journal === null) return;
  const { operations } = fromJson(host.journal) as Journal;
  await undo(kernel, objectsOf(host.openObject, {}), operations, () => undefined);
  host.journal = null;
}

function plainProgram(maps: readonly string[], verdict: number): readonly Instruction[] {
  const loads = maps.flatMap((map): Instruction[] => [
    { opcode: 0x18, dst: 1, src: 1, offset: 0, imm: 0, map },
    { opcode: 0, dst: 0, src: 0, offset: 0, imm: 0 },
  ]);
  return [...loads, { opcode: 0xb7, dst: 0, src: 0, offset: 0, imm: verdict }, { opcode: 0x95, dst: 0, src: 0, offset: 0, imm: 0 }];
}
