// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";
import { readDirectory } from "../../reconciler/1-source/directory-source.ts";
import { printDiagnostics } from "../../reconciler/6-report/print-diagnostics.ts";
import { printPlan } from "../../reconciler/6-report/print-plan.ts";
import { printInspect } from "../../reconciler/cli/print-inspect.ts";
import type { Host } from "../../reconciler/host.ts";
import { inspectHook } from "../../reconciler/inspect-hook.ts";
import { observePins } from "../../reconciler/observe-host.ts";
import { planPass } from "../../reconciler/reconcile.ts";
import type { Run } from "./world.ts";

/* What `sluice` prints, for a host that no other process can see. */

/** `sluice plan --dir FOLDER`. */
export async function planInMemory(host: Host, folder: string, color: boolean): Promise<Run> {
  const planned = await planPass(host, await readDirectory(folder), { prune: false });
  if (planned.kind === "invalid") return { exit: 3, output: printDiagnostics(planned.diagnostics, { color }) };
  return { exit: 0, output: printPlan(planned.plan, { color }) };
}

/** `sluice inspect eth0/xdp`. */
export async function inspectInMemory(host: Host, color: boolean): Promise<Run> {
  const observed = await observePins(host);
  const hooks = observed.hooks.filter(({ hook }) => hook.interface === "eth0");
  const inspected = await Promise.all(
    hooks.map(async (hook) => {
      const counters = hook.counters.map(
        async ({ pin, slots }) => [pin.path, { slots, entries: await host.kernel.readMap(pin.path) }] as const,
      );
      return inspectHook(host.layout, hook, new Map(await Promise.all(counters)));
    }),
  );
  return { exit: 0, output: printInspect(inspected, { width: null, colors: picocolors.createColors(color) }) };
}
