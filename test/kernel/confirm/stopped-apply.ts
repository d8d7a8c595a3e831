// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../../bpf/kernel/kernel.ts";
import { openDirectorySource } from "../../../reconciler/1-source/directory-source.ts";
import { defaultLimits } from "../../../reconciler/1-source/limits.ts";
import { openHost } from "../../../reconciler/host.ts";
import { runPass } from "../../../reconciler/reconcile.ts";
import { armWatchdog } from "../../../reconciler/watchdog/arm.ts";

/**
 * Applies a folder as an agent does, and stops itself with the lock held, before or after the switch:
 *     node stopped-apply.js before|after FOLDER STATE BPFFS
 */
const [when = "", directory = "", state = "", bpffs = ""] = process.argv.slice(2);

const host = openHost({ host: "edge-03", state, bpffs });
const stop = () => process.kill(process.pid, "SIGSTOP");
const kernel: Kernel = {
  ...host.kernel,
  async switchLink(link, from, to) {
    if (when === "before") stop();
    await host.kernel.switchLink(link, from, to);
    if (when === "after") stop();
  },
};
const source = openDirectorySource({ kind: "directory", directory, limits: defaultLimits });
const { signal } = new AbortController();
const snapshot = await source.snapshot(await source.fetch(signal), signal);
const confirm = { timeout: 60_000, owner: "agent", heartbeat: 1_000, arm: armWatchdog } as const;
const outcome = await runPass({ ...host, kernel }, snapshot, { prune: false, trigger: "commit", confirm });
process.stdout.write(`${outcome.kind}\n`);
