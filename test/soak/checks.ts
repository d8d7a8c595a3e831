// SPDX-License-Identifier: Apache-2.0
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { readDirectory } from "../../reconciler/1-source/directory-source.ts";
import { openHost } from "../../reconciler/host.ts";
import { planPass } from "../../reconciler/reconcile.ts";

export interface HostPlace {
  readonly name: string;
  readonly state: string;
  readonly bpffs: string;
}

const patience = 30_000;

/** Waits until the host runs what the folder says, as a plan of its own sees it. Throws with what is missing after half a minute. */
export async function untilReached({ name, state, bpffs }: HostPlace, folder: string): Promise<void> {
  const host = openHost({ host: name, state: `${state}-look`, bpffs, readOnly: true });
  const deadline = Date.now() + patience;
  for (;;) {
    const planned = await planPass(host, await readDirectory(folder), { prune: true });
    if (planned.kind === "invalid") throw new Error(`The policy is invalid: ${JSON.stringify(planned.diagnostics)}`);
    const { prepare, commit, refusals } = planned.plan;
    if (prepare.length + commit.length + refusals.length === 0) return;
    if (Date.now() > deadline) throw new Error(`Not reached: ${JSON.stringify([...prepare, ...commit, ...refusals]).slice(0, 2000)}`);
    await sleep(100);
  }
}

/** Pins below a directory, generations among them: old ones must go. */
export async function countPins(kernel: Kernel, bpffs: string): Promise<{ readonly pins: number; readonly generations: number }> {
  const pins = await kernel.pins(bpffs);
  return { pins: pins.length, generations: pins.filter(({ path }) => path.endsWith("/manifest")).length };
}

/** Files below a folder, and their megabytes. */
export function countFiles(folder: string): { readonly files: number; readonly megabytes: number } {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const sizes = names.flatMap((name) => {
    const found = statSync(join(folder, name), { throwIfNoEntry: false });
    return found?.isFile() === true ? [found.size] : [];
  });
  return { files: sizes.length, megabytes: sizes.reduce((sum, size) => sum + size, 0) / 1e6 };
}
