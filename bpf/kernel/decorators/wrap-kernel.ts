// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../kernel.ts";

export type KernelMethod = keyof Kernel;

/** Stands around every call: `proceed` makes it. */
export type Around = <Result>(method: KernelMethod, args: readonly unknown[], proceed: () => Promise<Result>) => Promise<Result>;

const reading: ReadonlySet<KernelMethod> = new Set(["devices", "attached", "pins", "readMap", "relocate", "run"]);

/** Whether a method may change what is in the kernel for longer than the call takes. */
export function isMutation(method: KernelMethod): boolean {
  return !reading.has(method);
}

/** A kernel whose every method goes through `around`. Method by method, so that a new one is a compile error here. */
export function wrapKernel(kernel: Kernel, around: Around): Kernel {
  return {
    devices: (...args) => around("devices", args, () => kernel.devices(...args)),
    attached: (...args) => around("attached", args, () => kernel.attached(...args)),
    pins: (...args) => around("pins", args, () => kernel.pins(...args)),
    readMap: (...args) => around("readMap", args, () => kernel.readMap(...args)),
    createMap: (...args) => around("createMap", args, () => kernel.createMap(...args)),
    writeMap: (...args) => around("writeMap", args, () => kernel.writeMap(...args)),
    createFrozenMap: (...args) => around("createFrozenMap", args, () => kernel.createFrozenMap(...args)),
    fillProgramArray: (...args) => around("fillProgramArray", args, () => kernel.fillProgramArray(...args)),
    relocate: (...args) => around("relocate", args, () => kernel.relocate(...args)),
    load: (...args) => around("load", args, () => kernel.load(...args)),
    attach: (...args) => around("attach", args, () => kernel.attach(...args)),
    switchLink: (...args) => around("switchLink", args, () => kernel.switchLink(...args)),
    watch: (...args) => around("watch", args, () => kernel.watch(...args)),
    detach: (...args) => around("detach", args, () => kernel.detach(...args)),
    unpin: (...args) => around("unpin", args, () => kernel.unpin(...args)),
    run: (...args) => around("run", args, () => kernel.run(...args)),
  };
}
