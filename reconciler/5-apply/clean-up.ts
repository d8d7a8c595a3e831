// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { Progress } from "./perform.ts";

/** Unpins what nothing uses any more; what fails is left for the next pass and returned. */
export async function cleanUp(kernel: Kernel, pins: readonly string[], progress: Progress): Promise<readonly string[]> {
  const leftovers: string[] = [];
  for (const [index, pin] of pins.entries()) {
    progress({ phase: "cleanup", number: index + 1, of: pins.length, text: `unpin ${pin}` });
    await kernel.unpin([pin]).catch(() => leftovers.push(pin));
  }
  return leftovers;
}
