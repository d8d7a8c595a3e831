// SPDX-License-Identifier: Apache-2.0

/** One stream of UDP packets to the router; which of them may pass is up to policies/edge. */
export interface Flow {
  readonly name: FlowName;
  readonly from: string;
  readonly sourcePort: number;
  /** Packets in one tick of the sender. */
  readonly perTick: number;
  /** What the reader should know of it. */
  readonly about: string;
}

export type FlowName = (typeof flowNames)[number];

export const flowNames = ["customer", "newcomer", "listed", "bogon", "reflection"] as const;

export const router = { address: "192.88.99.1", port: 7777, mac: "02:00:00:00:00:01" } as const;
export const internetMac = "02:00:00:00:00:02";

/** 192.88.99.0/24 belongs to nobody any more (RFC 7526), and is no bogon of the policy. */
export const flows: readonly Flow[] = [
  { name: "customer", from: "192.88.99.10", sourcePort: 40_000, perTick: 1, about: "must always arrive" },
  { name: "newcomer", from: "192.88.99.66", sourcePort: 40_000, perTick: 1, about: "on no list yet" },
  { name: "listed", from: "198.51.100.66", sourcePort: 40_000, perTick: 4, about: "in lists/blocklist.txt of policies/edge" },
  { name: "bogon", from: "10.66.66.66", sourcePort: 40_000, perTick: 2, about: "in lists/bogons.txt" },
  { name: "reflection", from: "192.88.99.10", sourcePort: 123, perTick: 2, about: "answers of a time server that nobody asked" },
];

/** The flows of which policies/edge lets nothing through. */
export const unwanted: readonly FlowName[] = ["listed", "bogon", "reflection"];

export interface FlowCount {
  readonly sent: number;
  readonly arrived: number;
}

export interface Tally {
  readonly flows: Readonly<Record<FlowName, FlowCount>>;
  /** Packets that the kernel delivered and the receiver was too slow to take. */
  readonly missed: number;
}

/** A value for every flow. */
export function perFlow<Value>(value: (flow: Flow, index: number) => Value): Record<FlowName, Value> {
  return Object.fromEntries(flows.map((flow, index) => [flow.name, value(flow, index)])) as Record<FlowName, Value>;
}

/** What was counted between two tallies. */
export function between(before: Tally, after: Tally): Tally {
  const difference = perFlow(({ name }) => ({
    sent: after.flows[name].sent - before.flows[name].sent,
    arrived: after.flows[name].arrived - before.flows[name].arrived,
  }));
  return { flows: difference, missed: after.missed - before.missed };
}

/** Counts of several flows together. */
export function sumOf(tally: Tally, names: readonly FlowName[]): FlowCount {
  const counts = names.map((name) => tally.flows[name]);
  return { sent: counts.reduce((sum, { sent }) => sum + sent, 0), arrived: counts.reduce((sum, { arrived }) => sum + arrived, 0) };
}
