// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { PinLayout } from "../model/pins.ts";
import { removeAll } from "./scratch-chain.ts";

/**
 * A directory beside our pins for what is only tried out, of this process alone. What processes that were killed have left there is
 * removed first.
 */
export async function scratchRoot(kernel: Kernel, { root }: PinLayout): Promise<string> {
  const prefix = `${basename(root)}-test-`;
  const folder = dirname(root);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  for (const name of names) {
    const owner = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    if (/^\d+$/.test(owner) && !existsSync(`/proc/${owner}`)) await removeAll(kernel, { root: join(folder, name) });
  }
  return join(folder, `${prefix}${process.pid}`);
}
