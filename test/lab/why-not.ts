// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import { listDevices } from "../../bpf/kernel/devices.ts";
import { refusesBpf } from "../../bpf/kernel/probe.ts";

/** Why kernel tests cannot run in this process; null when they can. They make devices and mounts, so never among the host's. */
export function whyNotHere(): string | null {
  const refusal = refusesBpf();
  if (refusal !== null) return refusal;
  return isAmongHostDevices() ? "they need namespaces of their own: run them below unshare --net --mount --propagation private" : null;
}

/** sysfs shows the namespace that it was mounted in, which is the host's: when its devices are ours, so is the namespace. */
function isAmongHostDevices(): boolean {
  return listDevices().some(({ name, ifindex }) => name !== "lo" && sysfsIndex(name) === ifindex);
}

function sysfsIndex(device: string): number | null {
  const path = `/sys/class/net/${device}/ifindex`;
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : null;
}
