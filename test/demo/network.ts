// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { flows, internetMac, router } from "./flows.ts";

/** Two network namespaces of this process's mount namespace, connected by a cable: eth0 of the router leads to the Internet. */
export interface Network {
  /** A command line that runs a program in it. */
  readonly inRouter: readonly string[];
  readonly inInternet: readonly string[];
}

/** Needs mount, network and process namespaces of our own: all of it goes with the last process in them. `withInside` makes an eth1. */
export function createNetwork({ withInside }: { readonly withInside: boolean }): Network {
  // `ip netns` keeps names below /var/run; over ours lies an empty file system, so that the host's stay as they are.
  const run = realpathSync("/var/run");
  execute("mount", "-t", "tmpfs", "tmpfs", run);
  mkdirSync(join(run, "netns"));
  ip("netns add router");
  ip("netns add internet");
  ip(`-n router link add eth0 address ${router.mac} type veth peer name uplink netns internet address ${internetMac}`);
  if (withInside) ip("-n router link add eth1 type veth peer name inside netns internet");
  ip(`-n router address add ${router.address}/24 dev eth0`);
  for (const { from } of flows) if (!internetHas(from)) ip(`-n internet address add ${from}/32 dev uplink`);
  for (const device of ["lo", "eth0", ...(withInside ? ["eth1"] : [])]) ip(`-n router link set ${device} up`);
  for (const device of ["lo", "uplink", ...(withInside ? ["inside"] : [])]) ip(`-n internet link set ${device} up`);
  // Known neighbours: no packet waits for an answer to ARP. The default route makes every source a plausible one.
  ip("-n router route add default dev eth0");
  ip(`-n internet route add ${router.address} dev uplink`);
  ip(`-n internet neighbour add ${router.address} lladdr ${router.mac} dev uplink`);
  return { inRouter: enter("router"), inInternet: enter("internet") };
}

/** Not `ip netns exec`, which hides our bpffs below a fresh /sys. */
function enter(namespace: string): readonly string[] {
  return ["nsenter", `--net=${realpathSync("/var/run")}/netns/${namespace}`];
}

function internetHas(address: string): boolean {
  return ip("-n internet -oneline -4 address show dev uplink").includes(` ${address}/32 `);
}

function ip(line: string): string {
  return execute("ip", ...line.split(" "));
}

function execute(command: string, ...words: readonly string[]): string {
  return execFileSync(command, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
