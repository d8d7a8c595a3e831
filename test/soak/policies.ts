// SPDX-License-Identifier: Apache-2.0
import type { Random } from "../corpus/random.ts";

/** Drops the frames that never may come through; every chain has it, anywhere. */
const guard = "    - name: guard\n      match: ether proto 0x88b5 and ether[14] & 1 = 1\n      verdict: drop\n";

type Step = (random: Random) => string;

/** Steps that no frame of the traffic meets: what they do is not what is tested here. */
const steps: Readonly<Record<string, Step>> = {
  bogons: (random) => uses("bogons", "acl", `{ rules: [{ src: [${prefixes(random).join(", ")}], action: drop }] }`),
  ports: (random) => uses("ports", "acl", `{ rules: [{ protocol: udp, dport: ${1 + random.below(60_000)}, action: drop }] }`),
  limit: (random) => uses("limit", "rate-limit", `{ limit: ${100 + random.below(900)}, unit: pps, per: src }`),
  syns: (random) => uses("syns", "rate-limit", `{ limit: ${10 + random.below(90)}, unit: cps, per: src, ports: [80, 443] }`),
  connections: (random) => uses("connections", "conn-limit", `{ ports: [443], max: ${10 + random.below(50)}, per: src }`),
  quota: (random) => uses("quota", "port-quota", `{ ports: [80], bytes: ${1000 + random.below(1_000_000)} }`),
  talkers: (random) => uses("talkers", "count", `{ keys: [${random.pick(["src", "src, dport", "protocol"])}], max_keys: 1000 }`),
  drops: () => uses("drops", "tap", "{ verdicts: [drop] }"),
  ntp: (random) => `    - name: ntp\n      match: udp and src port ${100 + random.below(100)}\n      verdict: drop\n`,
};

/** A policy file with the guard and up to six other steps, in any order. */
export function randomPolicy(random: Random, device: string): string {
  const names = Object.keys(steps).filter(() => random.chance(0.5));
  const chosen = [guard, ...names.slice(0, 6).map((name) => (steps[name] as Step)(random))];
  return policy(device, shuffle(random, chosen));
}

/** One that has to be refused. */
export function brokenPolicy(random: Random, device: string): string {
  const broken = [
    uses("bogons", "acl", "{ rules: [{ src: [10.0.0.0/8], action: dorp }] }"),
    uses("bogons", "alc", "{}"),
    "    - name: ntp\n      match: udp and src prot 123\n      verdict: drop\n",
    "    - { name: guard\n",
  ];
  return policy(device, [guard, random.pick(broken)]);
}

function policy(device: string, chain: readonly string[]): string {
  return `apiVersion: sluice/v1\ninterface: ${device}\nxdp:\n  drift: heal\n  chain:\n${chain.join("")}`;
}

function uses(name: string, filter: string, parameters: string): string {
  return `    - name: ${name}\n      uses: ${filter}\n      with: ${parameters}\n`;
}

function prefixes(random: Random): readonly string[] {
  return Array.from({ length: 1 + random.below(20) }, (_, index) => `10.${index}.${random.below(256)}.0/24`);
}

function shuffle<Item>(random: Random, items: readonly Item[]): readonly Item[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.below(rest.length), 1)[0] as Item);
}
