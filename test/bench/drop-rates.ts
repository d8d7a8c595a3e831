// SPDX-License-Identifier: Apache-2.0
import { ip, type Lab } from "../lab/lab.ts";
import { type Firewall, firewalls, noFirewall } from "./firewalls.ts";
import { openFlood, stayOn } from "./live-flood.ts";
import { cameThrough, received, receiveOn } from "./receiver.ts";
import { type Bench, fact, type Row } from "./subject.ts";
import type { Table } from "./table.ts";

/** Addresses that are dropped, each a rule or an element of a set. */
const sizes = [1, 100, 100_000] as const;

/**
 * Packets a second that one processor receives and drops, while the other one sends. Sending from the next source each time, so that
 * every rule is the one that drops as often as any other.
 */
export async function measureDropRates(bench: Bench, lab: Lab): Promise<readonly Row[]> {
  stayOn(0, process.pid);
  const frames = bench.quick ? 100_000 : 3_000_000;
  const rates = new Map<string, number>();
  const names: string[] = [];
  for (const firewall of [...firewalls(bench, lab), noFirewall]) {
    names.push(firewall.name);
    for (const size of sizes) {
      bench.say(`dropping by ${size} addresses with ${firewall.name}`);
      rates.set(`${firewall.name} ${size}`, await dropRate(lab, firewall, size, frames));
    }
  }
  const rate = (name: string, size: number) => rates.get(`${name} ${size}`) as number;
  bench.show(tabulate(names, rate));
  const [ours = "", ...others] = names;
  return others
    .filter((other) => other !== noFirewall.name)
    .map((other) =>
      fact(`100 addresses: packets dropped by acl, against ${other}`, rate(ours, 100) / rate(other, 100), "×", "more is better"),
    );
}

/** Thousands of packets a second. */
async function dropRate(lab: Lab, firewall: Firewall, size: number, frames: number): Promise<number> {
  const { inside, outside } = await lab.veth();
  receiveOn(1, inside);
  await firewall.install(
    inside,
    Array.from({ length: size }, (_, index) => `11.${index >> 16}.${(index >> 8) & 255}.${index & 255}`),
  );
  try {
    const flood = await openFlood(lab, outside, ifindexOf(outside), size);
    await flood.send(frames / 20);
    const [before, throughBefore] = [received(inside), cameThrough()];
    const seconds = await flood.send(frames);
    const dropped = received(inside) - before;
    const through = cameThrough() - throughBefore;
    if (through > 0 !== (firewall === noFirewall)) throw new Error(`${firewall.name} lets ${through} of ${dropped} packets through`);
    return dropped / seconds / 1000;
  } finally {
    firewall.remove();
    ip(`link del ${inside}`);
  }
}

function ifindexOf(device: string): number {
  return (JSON.parse(ip(`-j link show ${device}`)) as { ifindex: number }[])[0]?.ifindex ?? 0;
}

function tabulate(names: readonly string[], rate: (name: string, size: number) => number): Table {
  return {
    title: "Packets dropped by one processor",
    unit: "thousand a second",
    by: ["addresses"],
    columns: names,
    lines: sizes.map((size) => ({ labels: [String(size)], values: names.map((name) => rate(name, size)) })),
    notes: [
      "the other processor sends, by BPF_PROG_TEST_RUN with live frames, each packet from the next address",
      "nft with a set, iptables with a rule for each address",
    ],
  };
}
