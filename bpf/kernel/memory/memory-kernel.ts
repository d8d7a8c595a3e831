// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../kernel.ts";
import { createAttachMethods } from "./attach-methods.ts";
import { createControls, type MemoryControls } from "./controls.ts";
import { createKernelState, type MemoryOptions } from "./kernel-state.ts";
import { createMapMethods } from "./map-methods.ts";
import { createProgramMethods } from "./program-methods.ts";

/**
 * A kernel that is wholly in memory, for tests and for machines where bpf(2) is refused: the same answers and the same errnos as the
 * real one, programs run by an interpreter. It has no verifier. Whatever it does not know, it refuses loudly.
 */
export interface MemoryKernel extends Kernel, MemoryControls {}

/** A fresh kernel with the given devices, nothing pinned and nothing attached. */
export function createMemoryKernel(options: MemoryOptions = {}): MemoryKernel {
  const state = createKernelState(options);
  return { ...createMapMethods(state), ...createProgramMethods(state), ...createAttachMethods(state), ...createControls(state) };
}
