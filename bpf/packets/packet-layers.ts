// SPDX-License-Identifier: Apache-2.0
import * as build from "./layers.ts";
import { extensionSize, type FieldKind, flags, hex, ipv4Address, ipv6Address, mac, number, zeros } from "./packet-fields.ts";

/** What a layer may be followed by: nothing else, the next header of a network layer, or bytes only. */
type Carries = "network" | "transport" | "bytes";

/** One word of the notation that opens a layer. */
export interface LayerWord {
  readonly carries: Carries;
  /** What of the layer outside may carry it. */
  readonly within: readonly Carries[];
  readonly fields: Readonly<Record<string, FieldKind<unknown>>>;
  /** Words that stand alone. */
  readonly switches: readonly string[];
  build(fields: Fields, inner: build.Layer | null): build.Layer;
}

/** Values by field, as their kinds read them; switches are true. */
export type Fields = Readonly<Record<string, unknown>>;

const port = number("a port", 65_535);
const byte = (what: string) => number(what, 255);
const word = (what: string) => number(what, 65_535);
const long = (what: string) => number(what, 0xffff_ffff);

const empty: build.Layer = build.raw(0, new Uint8Array(0));
/** A number that no protocol has: what follows is bytes. */
const unknownProtocol = 253;

/** Fields of the builders are the notation's under other names; a field that was not written is not there. */
function renamed(fields: Fields, names: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(names).flatMap(([from, to]) => (fields[from] === undefined ? [] : [[to, fields[from]]])));
}

/** IP within IP has a protocol number, not an EtherType. */
function tunnelled(inner: build.Layer | null): build.Layer {
  if (inner === null) return { ...empty, type: unknownProtocol };
  const numbers: Readonly<Record<number, number>> = { [build.etherTypes.ipv4]: 4, [build.etherTypes.ipv6]: 41 };
  return { ...inner, type: numbers[inner.type] ?? inner.type };
}

function bytesOf(inner: build.Layer | null): Uint8Array {
  return inner === null ? new Uint8Array(0) : inner.bytes(() => new Uint8Array(0));
}

/** Every layer that a packet can be written with. */
export const layerWords: Readonly<Record<string, LayerWord>> = {
  vlan: {
    carries: "network",
    within: ["network"],
    fields: { id: number("a VLAN", 4095), prio: number("a priority", 7) },
    switches: [],
    build: (fields, inner) => build.vlan({ id: 1, ...renamed(fields, { id: "id", prio: "priority" }) }, inner ?? empty),
  },
  qinq: {
    carries: "network",
    within: ["network"],
    fields: { id: number("a VLAN", 4095), prio: number("a priority", 7) },
    switches: [],
    build: (fields, inner) => build.vlan({ id: 1, outer: true, ...renamed(fields, { id: "id", prio: "priority" }) }, inner ?? empty),
  },
  arp: {
    carries: "bytes",
    within: ["network"],
    fields: { op: number("an ARP operation", 65_535), src: ipv4Address, dst: ipv4Address },
    switches: [],
    build: (fields) => build.arp(renamed(fields, { op: "operation", src: "src", dst: "dst" })),
  },
  ip: {
    carries: "transport",
    within: ["network", "transport"],
    fields: {
      src: ipv4Address,
      dst: ipv4Address,
      ttl: byte("a time to live"),
      tos: byte("a type of service"),
      proto: byte("a protocol"),
      id: word("an identification"),
      frag: number("a fragment offset in units of 8 bytes", 8191),
    },
    switches: ["more", "df"],
    build(fields, inner) {
      const names = { src: "src", dst: "dst", ttl: "ttl", tos: "tos", proto: "protocol", id: "id", frag: "fragmentOffset" };
      return build.ipv4(renamed(fields, { ...names, more: "moreFragments", df: "dontFragment" }), tunnelled(inner));
    },
  },
  ip6: {
    carries: "transport",
    within: ["network", "transport"],
    fields: { src: ipv6Address, dst: ipv6Address, hops: byte("a hop limit"), next: byte("a next header") },
    switches: [],
    build: (fields, inner) => build.ipv6(renamed(fields, { src: "src", dst: "dst", hops: "hops", next: "next" }), tunnelled(inner)),
  },
  ...extensions({ hopopts: 0, routing: 43, dstopts: 60 }),
  fragment: {
    carries: "transport",
    within: ["transport"],
    fields: { offset: number("a fragment offset in units of 8 bytes", 8191), id: long("an identification") },
    switches: ["more"],
    build: (fields, inner) => build.ipv6Fragment(renamed(fields, { offset: "offset", id: "id", more: "more" }), tunnelled(inner)),
  },
  tcp: {
    carries: "bytes",
    within: ["transport"],
    fields: { sport: port, dport: port, flags, seq: long("a sequence number"), ack: long("a sequence number"), window: word("a window") },
    switches: [],
    build(fields, inner) {
      const names = { sport: "from", dport: "to", flags: "flags", seq: "sequence", ack: "acknowledgement", window: "window" };
      return build.tcp({ ...renamed(fields, names), payload: bytesOf(inner) });
    },
  },
  udp: {
    carries: "bytes",
    within: ["transport"],
    fields: { sport: port, dport: port },
    switches: [],
    build: (fields, inner) => build.udp({ ...renamed(fields, { sport: "from", dport: "to" }), payload: bytesOf(inner) }),
  },
  icmp: {
    carries: "bytes",
    within: ["transport"],
    fields: { type: byte("an ICMP type"), code: byte("an ICMP code") },
    switches: [],
    build: (fields, inner) => build.icmp({ ...renamed(fields, { type: "type", code: "code" }), payload: bytesOf(inner) }),
  },
  icmp6: {
    carries: "bytes",
    within: ["transport"],
    fields: { type: byte("an ICMPv6 type"), code: byte("an ICMPv6 code") },
    switches: [],
    build: (fields, inner) => build.icmpv6({ ...renamed(fields, { type: "type", code: "code" }), payload: bytesOf(inner) }),
  },
  payload: {
    carries: "bytes",
    within: ["network", "transport", "bytes"],
    fields: { hex, zeros },
    switches: [],
    build: (fields, inner) =>
      build.raw(unknownProtocol, Buffer.concat([(fields["hex"] ?? fields["zeros"] ?? new Uint8Array(0)) as Uint8Array, bytesOf(inner)])),
  },
};

/** The outermost layer; a packet that does not write it has one all the same. */
export const ethernetWord = {
  fields: { src: mac, dst: mac, type: word("an EtherType") } satisfies LayerWord["fields"],
  build: (fields: Fields, inner: build.Layer | null) =>
    build.ethernet(renamed(fields, { src: "src", dst: "dst", type: "type" }), inner ?? empty),
};

function extensions(types: Readonly<Record<string, number>>): Readonly<Record<string, LayerWord>> {
  const one = (type: number): LayerWord => ({
    carries: "transport",
    within: ["transport"],
    fields: { size: extensionSize },
    switches: [],
    build: (fields, inner) => build.ipv6Extension({ type, ...renamed(fields, { size: "size" }) }, tunnelled(inner)),
  });
  return Object.fromEntries(Object.entries(types).map(([name, type]) => [name, one(type)]));
}
