// SPDX-License-Identifier: Apache-2.0
import { LibbpfMissing, libbpf } from "../libbpf-ffi/library.ts";
import { listAttached, listDevices } from "./devices.ts";
import { pinFrozenMap } from "./frozen-map.ts";
import type { Kernel } from "./kernel.ts";
import { KernelError } from "./kernel-error.ts";
import { attachProgram, detachLink, updateLink } from "./links.ts";
import { loadChain, type ObjectReader, objectReader, relocateFunction } from "./loading.ts";
import { createPinnedMap } from "./map-creation.ts";
import { readEntries } from "./map-reading.ts";
import { writeEntries } from "./map-writing.ts";
import { readPins, removePins } from "./pinning.ts";
import { fillProgramArray } from "./program-arrays.ts";
import { runProgram } from "./test-run.ts";
import { watchTracepoint } from "./watching.ts";

/**
 * The kernel this process runs on, through libbpf. It keeps no fd of a BPF object between calls. Throws KernelError "dlopen" when libbpf is missing
 * or too old; whether bpf(2) may be used shows in the first call (ask probe.ts before). Objects to relocate are read by `reader`.
 */
export function openLibbpfKernel(reader: ObjectReader = objectReader): Kernel {
  openLibrary();
  return {
    devices: async () => listDevices(),
    attached: async (device, hook) => listAttached(device, hook),
    pins: async (directory) => readPins(directory),
    readMap: readEntries,
    createMap: async (pin, request) => createPinnedMap(pin, request),
    writeMap: writeEntries,
    createFrozenMap: async (pin, name, value) => pinFrozenMap(pin, name, value),
    fillProgramArray: async (map, programs, { freeze }) => fillProgramArray(map, programs, freeze),
    relocate: (request) => relocateFunction(request, reader),
    load: loadChain,
    attach: async (pin, request) => attachProgram(pin, request),
    switchLink: async (pin, from, to) => updateLink(pin, from, to),
    watch: watchTracepoint,
    detach: async (pin) => detachLink(pin),
    unpin: async (paths) => removePins(paths),
    run: runProgram,
  };
}

function openLibrary(): void {
  try {
    libbpf();
  } catch (cause) {
    if (!(cause instanceof LibbpfMissing)) throw cause;
    throw new KernelError(cause.message, { call: "dlopen", errno: "ENOENT", cause });
  }
}
