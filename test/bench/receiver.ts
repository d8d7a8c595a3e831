// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ip } from "../lab/lab.ts";
import { stayOn } from "./live-flood.ts";

/** Gives the receiving of a veth to a thread of the kernel on one processor of its own. Needs ethtool. */
export function receiveOn(processor: number, device: string): void {
  // Without an XDP program, only a device with GRO polls.
  execFileSync("ethtool", ["-K", device, "gro", "on"], { stdio: "ignore" });
  // /sys shows the devices of the namespace that it was mounted in.
  const sys = mkdtempSync(join(tmpdir(), "sluice-sys-"));
  execFileSync("mount", ["-t", "sysfs", "sysfs", sys]);
  try {
    writeFileSync(join(sys, "class/net", device, "threaded"), "1");
  } finally {
    execFileSync("umount", [sys]);
    rmdirSync(sys);
  }
  for (const thread of pollers(device)) stayOn(processor, thread);
}

/** "napi/in1-17" */
function pollers(device: string): readonly number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => commandOf(pid).startsWith(`napi/${device}-`)).map(Number);
}

/** Empty for a process that has just ended. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

/** Packets that a device has received, whatever became of them. */
export function received(device: string): number {
  const [link] = JSON.parse(ip(`-j -s link show ${device}`)) as { stats64: { rx: { packets: number } } }[];
  return link?.stats64.rx.packets ?? 0;
}

/** IPv4 packets that came past whatever drops them: delivered, forwarded, or sorted out by the routing. */
export function cameThrough(): number {
  const ipCounts = countsOf("/proc/net/snmp", "Ip");
  const more = countsOf("/proc/net/netstat", "IpExt");
  const names = ["InDelivers", "InAddrErrors", "InDiscards", "ForwDatagrams", "InNoRoutes"];
  return names.reduce((sum, name) => sum + (ipCounts.get(name) ?? more.get(name) ?? 0), 0);
}

/** Two lines a group: names, then numbers. */
function countsOf(file: string, group: string): ReadonlyMap<string, number> {
  const [names = [], values = []] = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith(`${group}: `))
    .map((line) => line.split(" ").slice(1));
  return new Map(names.map((name, index) => [name, Number(values[index])]));
}
