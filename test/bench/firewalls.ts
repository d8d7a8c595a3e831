// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import type { Lab } from "../lab/lab.ts";
import { applySteps } from "./filter-chains.ts";
import type { Bench } from "./subject.ts";

/** Something that drops packets by their source. */
export interface Firewall {
  readonly name: string;
  /** Drops what comes from these addresses to a device. */
  install(device: string, addresses: readonly string[]): Promise<void>;
  remove(): void;
}

/** `acl` at XDP, nftables at both of its early hooks, with a set, and iptables with a rule for each address. */
export function firewalls(bench: Bench, lab: Lab): readonly Firewall[] {
  return [sluice(bench, lab), nftables("nft ingress", ingressHook), nftables("nft prerouting", preroutingHook), iptables()];
}

/** Nobody drops: what the routing sorts out in the end. */
export const noFirewall: Firewall = { name: "no firewall", install: async () => undefined, remove: () => undefined };

function sluice(bench: Bench, lab: Lab): Firewall {
  return {
    name: "acl at XDP",
    async install(device, addresses) {
      const step = "uses: acl\n      with: { rules: [{ src: { file: lists/sources.txt }, action: drop }] }";
      await applySteps(bench, lab, device, [{ device, step, lists: { "lists/sources.txt": addresses } }]);
    },
    // The chain goes with its device.
    remove: () => undefined,
  };
}

const ingressHook = (device: string) => ["netdev", `type filter hook ingress device "${device}" priority 0;`] as const;
const preroutingHook = () => ["ip", "type filter hook prerouting priority raw;"] as const;

function nftables(name: string, hookOf: (device: string) => readonly [string, string]): Firewall {
  const families: string[] = [];
  return {
    name,
    async install(device, addresses) {
      const [family, hook] = hookOf(device);
      families.push(family);
      const set = `set s { type ipv4_addr; elements = { ${addresses.join(", ")} } }`;
      run("nft", ["-f", "-"], `table ${family} bench {\n${set}\nchain c { ${hook} ip saddr @s drop; }\n}\n`);
    },
    remove: () => run("nft", ["delete", "table", families.pop() as string, "bench"]),
  };
}

function iptables(): Firewall {
  return {
    name: "iptables raw",
    async install(device, addresses) {
      const rules = addresses.map((address) => `-A PREROUTING -i ${device} -s ${address} -j DROP`);
      run("iptables-restore", [], `*raw\n:PREROUTING ACCEPT [0:0]\n${rules.join("\n")}\nCOMMIT\n`);
    },
    remove: () => run("iptables", ["-t", "raw", "-F"]),
  };
}

/** From the system's folders only: `npm run` puts another "nft" before them. */
function run(command: string, words: readonly string[], input?: string): void {
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  execFileSync(command, words, { env, stdio: ["pipe", "ignore", "pipe"], ...(input === undefined ? {} : { input }) });
}
