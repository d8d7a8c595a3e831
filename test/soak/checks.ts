// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { openHost } from "../../reconciler/host.ts";
import type { Snapshot } from "../../reconciler/model/snapshot.ts";
import { planPass } from "../../reconciler/reconcile.ts";

export interface HostPlace {
  readonly name: string;
  readonly state: string;
  readonly bpffs: string;
}

const patience = 30_000;

/**
 * Waits until a policy is what the host runs, and no pin is left that nothing uses. With `mayLeave` some may be: while a change is tried, which
 * keeps what it may have to go back to, and where somebody else made the previous generation useless, which the next pass removes. Throws with
 * what is missing, or too much, after half a minute.
 */
export type Reached = (policy: Snapshot, mayLeave?: boolean) => Promise<void>;

/** By a plan of its own: nothing that the agent says or has written down counts. */
export function untilReached({ name, state, bpffs }: HostPlace): Reached {
  const host = openHost({ host: name, state: `${state}-look`, bpffs, readOnly: true });
  return async (policy, mayLeave = false) => {
    const deadline = Date.now() + patience;
    for (;;) {
      const planned = await planPass(host, policy, { prune: true });
      if (planned.kind === "invalid") throw new Error(`The policy is invalid: ${JSON.stringify(planned.diagnostics)}`);
      const { prepare, commit, refusals, cleanup } = planned.plan;
      const left = [...prepare, ...commit, ...refusals, ...(mayLeave ? [] : cleanup)];
      if (left.length === 0) return;
      if (Date.now() > deadline) throw new Error(`Not reached: ${JSON.stringify(left).slice(0, 2000)}`);
      await sleep(50);
    }
  };
}

/** What the agent's process takes: megabytes of memory, open fds, and the processes below it. */
export function processUse(pid: number): { readonly memory: number; readonly fds: number; readonly children: number } {
  const kilobytes = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
  );
  return { memory: Number(kilobytes) / 1024, fds: readdirSync(`/proc/${pid}/fd`).length, children: children.length };
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
