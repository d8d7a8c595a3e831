// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { libc } from "../libbpf-ffi/libc.ts";
import { openObject } from "../object/open-object.ts";
import type { RelocatedProgram } from "../object/relocated-program.ts";
import type { MapSpec, ObjectSpec } from "../object/spec.ts";
import { openAnyPin, openPin, withFd } from "./fds.ts";
import { harvest } from "./harvest.ts";
import type { IteratorKind, ProgramKind } from "./hook-types.ts";
import type { ConstantMap, LoadRequest, MapBinding, RelocateRequest, WatchRequest } from "./kernel.ts";
import { KernelError } from "./kernel-error.ts";
import { createFrozenArray } from "./map-creation.ts";
import { pinAt } from "./pinning.ts";
import { type LoadedProgram, loadProgram } from "./program-loading.ts";
import { refusal } from "./refusal.ts";
import { processedInstructions } from "./verifier-log.ts";

/** Reads objects; both throw KernelError. */
export interface ObjectReader {
  openObject(elf: Uint8Array): ObjectSpec;
  /** One function, relocated for this kernel. */
  harvest(elf: Uint8Array, name: string, kind: ProgramKind): RelocatedProgram | Promise<RelocatedProgram>;
}

/** By libbpf, in this process. */
export const objectReader: ObjectReader = { openObject, harvest };

/** Relocates one function and has the verifier see it alone; nothing of it stays in the kernel. */
export async function relocateFunction(request: RelocateRequest, reader: ObjectReader): Promise<RelocatedProgram> {
  const kind = request.heldIn ?? request.hook;
  const program = await reader.harvest(request.object, request.function, kind);
  const bindings = bindMaps(request, reader.openObject(request.object), program);
  const frags = request.frags ?? program.frags;
  const { fd, log } = await loadBound({ ...program, frags, name: kernelName(program.name), hook: kind }, bindings);
  libc().close(fd);
  return { ...program, processedInstructions: processedInstructions(log) };
}

/** Loads a function that watches a tracepoint, or goes through what there is. The caller closes the fd. */
export async function loadWatch(request: WatchRequest, hook: "tracepoint" | IteratorKind): Promise<number> {
  const program = harvest(request.object, request.function, hook);
  const bindings = bindMaps(request, openObject(request.object), program);
  const { fd } = await loadBound({ ...program, frags: false, name: kernelName(program.name), hook }, bindings);
  return fd;
}

/** Loads a chain and pins it; content with a program that is pinned there already. */
export async function loadChain(pin: string, { chain, maps, heldIn }: LoadRequest): Promise<void> {
  if (isProgram(pin)) return;
  const { fd } = await loadBound({ ...chain, hook: heldIn ?? chain.hook }, maps);
  withFd(fd, () => pinAt(fd, pin));
}

/** The kernel takes 15 bytes of letters, digits, "_" and "."; a C identifier is only too long. */
function kernelName(name: string): string {
  return name.slice(0, 15);
}

async function loadBound(
  program: Parameters<typeof loadProgram>[0],
  bindings: Readonly<Record<string, MapBinding>>,
): Promise<LoadedProgram> {
  const fds = new Map<string, number>();
  const used = new Set(program.instructions.map(({ map }) => map));
  try {
    for (const [name, binding] of Object.entries(bindings)) {
      if (used.has(name)) fds.set(name, openBinding(binding));
    }
    return await loadProgram(program, fds);
  } finally {
    // A loaded program holds its maps itself.
    for (const fd of fds.values()) libc().close(fd);
  }
}

function openBinding(binding: MapBinding): number {
  switch (binding.kind) {
    case "pinned":
      return openPin(binding.path, "map");
    case "constant":
      return createFrozenArray(binding, binding.value);
  }
}

function isProgram(pin: string): boolean {
  const opened = openAnyPin(pin);
  if (opened === null) return false;
  libc().close(opened.fd);
  if (opened.kind === "program") return true;
  const attempt = { call: "BPF_OBJ_PIN", action: `Cannot pin a program at "${pin}"` };
  throw refusal(constants.errno.EEXIST, attempt, `a ${opened.kind} is pinned there`);
}

type BindRequest = Pick<RelocateRequest, "function" | "globals" | "maps">;

/** The maps that the function uses: pinned ones of the step, constants made for it. */
function bindMaps(request: BindRequest, spec: ObjectSpec, program: RelocatedProgram): Record<string, MapBinding> {
  const used = new Set(program.instructions.flatMap(({ map }) => (map === undefined ? [] : [map])));
  const maps = spec.maps.filter(({ name }) => used.has(name));
  return Object.fromEntries(maps.map((map) => [map.name, bindMap(request, spec, map, program)]));
}

function bindMap(request: BindRequest, spec: ObjectSpec, map: MapSpec, program: RelocatedProgram): MapBinding {
  const path = request.maps[map.name];
  if (map.role === "rodata") return constant(map, request.globals[map.name] ?? map.initial, spec.btf);
  if (map.role === "kconfig") return constant(map, program.kconfig ?? null, spec.btf);
  if (path !== undefined) return { kind: "pinned", path };
  const message = `Cannot relocate "${request.function}": it uses the map "${map.name}", for which no pin is given`;
  throw new KernelError(message, { call: "bpf_object__load", errno: "ENOENT" });
}

function constant({ name, definition }: MapSpec, value: Uint8Array | null, btf: Uint8Array | null): ConstantMap {
  if (value !== null && value.length === definition.valueSize) return { kind: "constant", name, definition, value, btf };
  const message = `Cannot fill "${name}": it has ${definition.valueSize} bytes, ${value?.length ?? 0} are given`;
  throw new KernelError(message, { call: "bpf_map__set_initial_value", errno: "EINVAL" });
}
