// SPDX-License-Identifier: Apache-2.0
import { chooseSeed, type Random, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, icmp, ipv4, ipv6, ipv6Extension, ipv6Fragment, type Layer, tcp, udp } from "../../lab/packet.ts";
import { clockedFilter } from "./clocked-filter.ts";
import { type LoadedFilter, loadFilter } from "./load-filter.ts";

/*
 * Frames without a tag are decided at a glance (shared/packet.h), those with one are not, and no filter here asks for tags: so both must
 * fare alike.
 */

const ports = [53, 80, 443, 444, 8000];

/** TCP, UDP and others, whole and in pieces, with what may stand before them. */
function anyLayer(random: Random): Layer {
  const [from, to] = [random.pick(ports), random.pick(ports)];
  const payload = new Uint8Array(random.pick([0, 0, 1, 40]));
  const transport = random.pick([tcp({ from, to, flags: random.below(64), payload }), udp({ from, to, payload }), icmp({ payload })]);
  const pieces = { fragmentOffset: random.pick([0, 0, 0, 185]), moreFragments: random.chance(0.1) };
  if (random.chance(0.6)) {
    const options = random.chance(0.2) ? { options: new Uint8Array(4 * (1 + random.below(10))) } : {};
    return ipv4({ src: `192.0.2.${random.below(4)}`, ...pieces, ...options }, transport);
  }
  const inner = random.pick<Layer>([
    transport,
    transport,
    ipv6Extension({ type: 60 }, transport),
    ipv6Fragment({ offset: pieces.fragmentOffset }, transport),
  ]);
  return ipv6({ src: `2001:db8::${random.below(4)}` }, inner);
}

/** The same frame twice, plain and with a tag; some end early, as far as the kernel takes them, and some contradict themselves. */
function anyPair(random: Random, shortest: number): readonly [Uint8Array, Uint8Array] {
  const whole = ethernet({}, anyLayer(random));
  // Version and length of the header.
  if (random.chance(0.1)) whole[14] = random.below(256);
  const plain = whole.slice(0, random.chance(0.2) ? shortest + random.below(whole.length - shortest) : whole.length);
  return [plain, Uint8Array.from([...plain.subarray(0, 12), ...tag, ...plain.subarray(12)])];
}

const tag = [0x81, 0x00, 0x00, 0x07];

const setups: readonly (readonly [string, object])[] = [
  ["conn-limit", { ports: [80, 443], max: 0, on_malformed: "drop" }],
  ["rate-limit", { limit: 1, unit: "cps", per: "global", ports: [80, 443], on_malformed: "drop" }],
  ["rate-limit", { limit: 1, per: "global", protocol: ["udp", "icmp"], on_malformed: "drop" }],
  [
    "rate-limit",
    {
      per: "global",
      rules: [
        { limit: 1, unit: "cps", ports: 80 },
        { limit: 1, unit: "pps", protocol: "udp", ports: "50-100" },
      ],
    },
  ],
  ["port-quota", { packets: 1, ports: [80, 443], on_malformed: "drop" }],
  ["port-quota", { packets: 1, protocol: "udp", direction: "tx" }],
  ["acl", { rules: [{ protocol: "udp", dport: 53, action: "drop" }], on_malformed: "drop" }],
  [
    "acl",
    {
      rules: [
        { flags: { all: ["syn"], none: ["ack"] }, action: "drop" },
        { protocol: ["udp", "icmp"], action: "pass" },
      ],
      default: "drop",
    },
  ],
];

/** With a clock that stands still, where it has one: the two are asked one after the other. */
function load(lab: Lab, uses: string, parameters: object, hook: "xdp" | "tc-ingress"): Promise<LoadedFilter> {
  if (uses === "acl") return loadFilter(lab.kernel, lab.root, uses, parameters, { hook });
  return clockedFilter(lab, uses, parameters, 1_000_000_000_000n, { hook });
}

/** Packets by reason. */
async function reasonsOf(filter: LoadedFilter): Promise<readonly (readonly [string, number])[]> {
  const { map, cells } = filter.step.reasons ?? { map: "", cells: [] };
  const counts: [string, number][] = [];
  for (const { name, key, offset } of cells) {
    const words = await filter.sums(map, key);
    counts.push([name, words[offset / 8] as number]);
  }
  return counts;
}

for (const hook of ["xdp", "tc-ingress"] as const) {
  kernelTest(`at ${hook}, what is decided at a glance is decided as anything else`, async (t, lab) => {
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const random = seededRandom(seed);
    for (const [uses, parameters] of setups) {
      const [plain, tagged] = [await load(lab, uses, parameters, hook), await load(lab, uses, parameters, hook)];
      const verdicts = new Set<string>();
      for (let index = 0; index < 400; index++) {
        const [one, other] = anyPair(random, hook === "xdp" ? 14 : 54);
        const verdict = await plain.verdict(one);
        t.is(verdict, await tagged.verdict(other), `${uses} ${JSON.stringify(parameters)} ${Buffer.from(one).toString("hex")}`);
        verdicts.add(verdict);
      }
      t.deepEqual(await reasonsOf(plain), await reasonsOf(tagged), uses);
      t.is(verdicts.size, 2, `${uses} ${JSON.stringify(parameters)}`);
    }
  });
}
