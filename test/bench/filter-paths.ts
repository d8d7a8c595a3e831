// SPDX-License-Identifier: Apache-2.0
import { ethernet, ipv4, type Layer, tcp, udp } from "../lab/packet.ts";
import { disjointPrefixes } from "./prefix-set.ts";

/** A chain of one step, and the ways that packets take through it. */
export interface FilterSetup {
  readonly name: string;
  /** The step as YAML, without its name. */
  readonly step: string;
  /** Lists of the policy, by the names that the step gives. */
  readonly lists?: Readonly<Record<string, readonly string[]>>;
  readonly paths: readonly FilterPath[];
}

export interface FilterPath {
  readonly what: string;
  readonly packet: Uint8Array;
  /** Of the last packet of many. */
  readonly verdict: "pass" | "drop";
  /** Nanoseconds above the floor that its specification allows; null where it names none. */
  readonly target: number | null;
}

const syn = 0x02;
const ack = 0x10;

const from = (src: string, payload: Layer) => ethernet({}, ipv4({ src, dst: "198.51.100.1" }, payload));
const web = (flags: number) => from("203.0.113.7", tcp({ from: 40_000, to: 443, flags }));
const other = from("203.0.113.7", udp({ from: 40_000, to: 5000 }));

const lengths8 = disjointPrefixes(20_000);
const path = (what: string, packet: Uint8Array, verdict: "pass" | "drop", target: number | null): FilterPath => ({
  what,
  packet,
  verdict,
  target,
});

/** Rules of a host and a TCP port each; of the source and the destination, or of either end. */
const rules = (count: number, host: string, port: string) =>
  Array.from({ length: count }, (_, index) => `${host} 10.0.${index >> 8}.${index & 255} and tcp ${port} ${8000 + index}`);
const manyRules = (host: string, port: string) =>
  rules(400, host, port)
    .map((rule) => `(${rule})`)
    .join(" or ");
const dropMatch = (count: number, host: string, port: string) => {
  const list = rules(count, host, port).map((match) => `\n          - { match: ${match}, action: drop }`);
  return `uses: drop-match\n      with:\n        rules:${list.join("")}`;
};
/** What rule number `index` takes. */
const ruled = (index: number) => from(`10.0.${index >> 8}.${index & 255}`, tcp({ from: 40_000, to: 8000 + index, flags: ack }));
const miss = from("203.0.113.7", tcp({ from: 40_000, to: 443, flags: ack }));

/** What is measured: each filter of the library, on the packets that its specification names a cost for. */
export const filterSetups: readonly FilterSetup[] = [
  {
    name: "match",
    step: "match: udp and src port (19 or 53 or 123 or 1900)\n      verdict: drop",
    paths: [path("no match", other, "pass", 3), path("match", from("203.0.113.7", udp({ from: 53, to: 5000 })), "drop", 3)],
  },
  {
    name: "match, 400 rules on one end",
    step: `match: ${manyRules("src host", "dst port")}\n      verdict: drop`,
    paths: [path("no match", miss, "pass", 45)],
  },
  {
    name: "match, 400 rules on both ends",
    step: `match: ${manyRules("host", "port")}\n      verdict: drop`,
    paths: [path("no match", miss, "pass", 45)],
  },
  {
    name: "drop-match, 1 rule",
    step: dropMatch(1, "src host", "dst port"),
    paths: [path("no rule", miss, "pass", 2), path("dropped", ruled(0), "drop", null)],
  },
  {
    name: "drop-match, 50 rules on one end",
    step: dropMatch(50, "src host", "dst port"),
    paths: [path("no rule", miss, "pass", 12), path("dropped by the last", ruled(49), "drop", null)],
  },
  {
    name: "drop-match, 400 rules on one end",
    step: dropMatch(400, "src host", "dst port"),
    paths: [path("no rule", miss, "pass", 45), path("dropped by the last", ruled(399), "drop", null)],
  },
  {
    name: "drop-match, 400 rules on both ends",
    step: dropMatch(400, "host", "port"),
    paths: [path("no rule", miss, "pass", 45), path("dropped by the last", ruled(399), "drop", null)],
  },
  {
    name: "acl, one port",
    step: "uses: acl\n      with: { rules: [{ protocol: udp, dport: 53, action: drop }] }",
    paths: [path("no rule", other, "pass", 15), path("dropped", from("203.0.113.7", udp({ to: 53 })), "drop", 15)],
  },
  {
    name: "acl, 20,000 prefixes in source and destination",
    step: "uses: acl\n      with: { rules: [{ src: { file: lists/a.txt }, action: drop }, { dst: { file: lists/a.txt }, action: drop }] }",
    lists: { "lists/a.txt": lengths8 },
    paths: [path("no rule", other, "pass", 110)],
  },
  {
    name: "rate-limit, new connections per source",
    step: "uses: rate-limit\n      with: { limit: 1, unit: cps, per: src, ports: [80, 443] }",
    paths: [path("another port", other, "pass", 4), path("no SYN", web(ack), "pass", 4), path("over the limit", web(syn), "drop", 95)],
  },
  {
    name: "conn-limit",
    step: "uses: conn-limit\n      with: { ports: [80, 443], max: 1, per: src }",
    paths: [path("another port", other, "pass", 4), path("a SYN", web(syn), "pass", 70)],
  },
  {
    name: "port-quota",
    step: "uses: port-quota\n      with: { ports: [80, 443], bytes: 1000 }",
    // One target for all its packets.
    paths: [path("another port", other, "pass", 40), path("over the budget", web(ack), "drop", 40)],
  },
  {
    name: "count, by source",
    step: "uses: count\n      with: { keys: [src], max_keys: 1000 }",
    paths: [path("counted", other, "pass", null)],
  },
  { name: "tap, nobody listens", step: "uses: tap\n      with: { verdicts: [drop] }", paths: [path("passed", other, "pass", null)] },
];

/** The same work for a filter of the library and for one of xdp-filter's programs. */
export interface Duel extends FilterSetup {
  readonly rival: Rival;
}

/** A program of Debian's xdp-tools, by file and function, and what xdp-filter(8) would write into its maps. */
export interface Rival {
  readonly program: string;
  readonly map: string;
  readonly keys: readonly Uint8Array[];
  /** src 1, dst 2, tcp 4, udp 8: MAP_FLAG_… of xdp-filter. */
  readonly flags: number;
}

const addresses = Array.from({ length: 10_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
const bytesOf = (address: string) => Uint8Array.from(address.split("."), Number);
const port = (number: number) => Uint8Array.of(number >> 8, number & 255, 0, 0);

const byAddress = [path("no rule", other, "pass", null), path("dropped", from("10.0.0.9", udp({})), "drop", null)];
const byPort = [path("no rule", other, "pass", null), path("dropped", from("203.0.113.7", udp({ to: 53 })), "drop", null)];

/** xdp-filter keeps at most 10,000 addresses, and knows no prefixes. */
export const duels: readonly Duel[] = [
  {
    name: "10,000 source addresses",
    step: "uses: acl\n      with: { rules: [{ src: { file: lists/b.txt }, action: drop }] }",
    lists: { "lists/b.txt": addresses },
    rival: { program: "xdpfilt_alw_ip", map: "filter_ipv4", keys: addresses.map(bytesOf), flags: 1 },
    paths: byAddress,
  },
  {
    name: "UDP to one port",
    step: "uses: acl\n      with: { rules: [{ protocol: udp, dport: 53, action: drop }] }",
    rival: { program: "xdpfilt_alw_udp", map: "filter_ports", keys: [port(53)], flags: 2 | 8 },
    paths: byPort,
  },
  {
    name: "UDP to one port, everything compiled in",
    step: "uses: acl\n      with: { rules: [{ protocol: udp, dport: 53, action: drop }] }",
    rival: { program: "xdpfilt_alw_all", map: "filter_ports", keys: [port(53)], flags: 2 | 8 },
    paths: byPort,
  },
];
