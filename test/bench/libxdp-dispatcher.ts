// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { ensureBpffs } from "../../bpf/kernel/bpffs.ts";

/** A dispatcher of libxdp with the programs in it, attached and pinned; or why there is none. */
export type Dispatcher = { readonly kind: "attached"; readonly pin: string } | { readonly kind: "impossible"; readonly reason: string };

/** Where xdp-loader pins, and nowhere else. */
const bpffs = "/sys/fs/bpf";

/**
 * Lets xdp-loader attach functions of an object file to a device, in this order, and pins the dispatcher at `pin`. It attaches each
 * with freplace, which needs BPF trampolines: not every kernel has them.
 */
export function attachDispatcher(device: string, file: string, functions: readonly string[], pin: string): Dispatcher {
  ensureBpffs(bpffs);
  // Two at once: a single program would be attached without a dispatcher where there can be none, and nothing said.
  const both = run("xdp-loader", ["load", "-m", "native", device, file, file]);
  if (both.status !== 0) return { kind: "impossible", reason: sentence(both.stderr) };
  run("xdp-loader", ["unload", "--all", device]);
  for (const [at, name] of functions.entries()) {
    const { status, stderr } = run("xdp-loader", ["load", "-m", "native", "-P", String(at + 1), "-n", name, device, file]);
    if (status !== 0) return { kind: "impossible", reason: sentence(stderr) };
  }
  const [{ xdp }] = JSON.parse(run("bpftool", ["-j", "net", "show", "dev", device]).stdout) as [{ xdp: readonly [{ id: number }] }];
  const { status, stderr } = run("bpftool", ["prog", "pin", "id", String(xdp[0].id), pin]);
  return status === 0 ? { kind: "attached", pin } : { kind: "impossible", reason: sentence(stderr) };
}

/** Takes what `attachDispatcher` attached off the device. */
export function detachDispatcher(device: string): void {
  run("xdp-loader", ["unload", "--all", device]);
}

function run(command: string, words: readonly string[]) {
  return spawnSync(command, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Its first line: xdp-loader goes on with advice. */
function sentence(stderr: string): string {
  return stderr.trim().split("\n")[0]?.trim() ?? "no reason given";
}
