// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { isScratch, type PinLayout, scratchDirectory } from "../model/pins.ts";

/**
 * A directory for what is only tried out, of this process alone. What processes that were killed have left there is removed first.
 */
export async function scratchRoot(kernel: Kernel, layout: PinLayout): Promise<string> {
  const left = (await kernel.pins(layout.root)).map(({ path }) => path).filter((path) => isScratch(layout, path));
  const abandoned = left.filter((path) => !existsSync(`/proc/${ownerOf(layout, path)}`));
  if (abandoned.length > 0) await kernel.unpin(abandoned);
  return scratchDirectory(layout, process.pid);
}

function ownerOf(layout: PinLayout, path: string): string {
  return path.slice(scratchDirectory(layout, "").length).split("/")[0] as string;
}
