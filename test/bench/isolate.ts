// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { whyNotHere } from "../lab/why-not.ts";

const marker = "SLUICE_BENCH_ISOLATED";

/** True in a process that isolate() has started. */
export function isIsolated(): boolean {
  return process.env[marker] === "1";
}

/** Runs this program again in network and mount namespaces that vanish with it, and gives its exit code. */
export function isolate(): number {
  const { execPath, argv, env } = process;
  const command = ["--net", "--mount", "--propagation", "private", execPath, ...argv.slice(1)];
  const { status, error } = spawnSync("unshare", command, { stdio: "inherit", env: { ...env, [marker]: "1" } });
  if (error !== undefined) throw error;
  return status ?? 1;
}

/** Why the benchmarks cannot run; null when they can, once they are isolated. */
export function whyNotBench(): string | null {
  if (process.getuid?.() !== 0) return "they load programs into the kernel and make network devices, which needs root";
  return isIsolated() ? whyNotHere() : null;
}
