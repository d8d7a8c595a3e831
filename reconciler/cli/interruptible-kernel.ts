// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";

/**
 * A kernel whose next change fails, once, when the signal is raised: to the executor that is a failure like any other, which it
 * undoes. Undoing then finds a kernel that works.
 */
export function interruptibleKernel(kernel: Kernel, signal: AbortSignal): Kernel {
  let isTold = false;
  const unlessInterrupted = <T>(change: () => Promise<T>): Promise<T> => {
    if (!signal.aborted || isTold) return change();
    isTold = true;
    return Promise.reject(signal.reason as Error);
  };
  return {
    devices: () => kernel.devices(),
    attached: (device, hook) => kernel.attached(device, hook),
    pins: (directory) => kernel.pins(directory),
    readMap: (map) => kernel.readMap(map),
    run: (program, request) => kernel.run(program, request),
    createMap: (pin, request) => unlessInterrupted(() => kernel.createMap(pin, request)),
    writeMap: (map, puts, deletes) => unlessInterrupted(() => kernel.writeMap(map, puts, deletes)),
    createFrozenMap: (pin, name, value) => unlessInterrupted(() => kernel.createFrozenMap(pin, name, value)),
    relocate: (request) => unlessInterrupted(() => kernel.relocate(request)),
    load: (pin, request) => unlessInterrupted(() => kernel.load(pin, request)),
    attach: (pin, request) => unlessInterrupted(() => kernel.attach(pin, request)),
    switchLink: (pin, from, to) => unlessInterrupted(() => kernel.switchLink(pin, from, to)),
    detach: (pin) => unlessInterrupted(() => kernel.detach(pin)),
    unpin: (paths) => unlessInterrupted(() => kernel.unpin(paths)),
  };
}
