// SPDX-License-Identifier: Apache-2.0

import { parseIpv4, parseIpv6, parseMac } from "../btf/address.ts";

/*
 * Frames as tests write them: each layer is a function of what it carries, outermost first.
 *
 *     ethernet({}, ipv4({ src: "10.0.0.1", protocol: 17 }, udp({ to: 53 })))
 *
 * Lengths and checksums of IP, TCP, UDP and ICMP are right unless a field says otherwise.
 */

/** A layer with what it carries, and what the layer outside must know about it. */
export interface Layer {
  /** EtherType for a layer below Ethernet, protocol number for one below IP. */
  readonly type: number;
  /** The bytes, given the pseudo header that their checksum covers; empty when there is none. */
  bytes(pseudoHeader: (protocol: number, length: number) => Uint8Array): Uint8Array;
}

export const etherTypes = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, qinq: 0x88a8 } as const;
export const protocols = { icmp: 1, tcp: 6, udp: 17, fragment: 44, icmpv6: 58 } as const;
export const tcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

const noPseudoHeader = (): Uint8Array => new Uint8Array(0);

/** A whole frame, padded with zeros to 60 bytes. */
export function ethernet(fields: { src?: string; dst?: string; type?: number }, payload: Layer): Uint8Array {
  const { src = "02:00:00:00:00:01", dst = "02:00:00:00:00:02", type = payload.type } = fields;
  const frame = Buffer.concat([macBytes(dst), macBytes(src), word(type), payload.bytes(noPseudoHeader)]);
  return frame.length >= 60 ? new Uint8Array(frame) : new Uint8Array(Buffer.concat([frame, Buffer.alloc(60 - frame.length)]));
}

/** A VLAN tag; `outer` makes it the outer one of two (802.1ad). */
export function vlan(fields: { id: number; priority?: number; outer?: boolean }, payload: Layer): Layer {
  const tag = ((fields.priority ?? 0) << 13) | fields.id;
  return {
    type: fields.outer === true ? etherTypes.qinq : etherTypes.vlan,
    bytes: () => Buffer.concat([word(tag), word(payload.type), payload.bytes(noPseudoHeader)]),
  };
}

/** ARP for IPv4 over Ethernet; a request unless told otherwise. */
export function arp(fields: { operation?: number; src?: string; dst?: string }): Layer {
  const { operation = 1, src = "192.0.2.1", dst = "198.51.100.1" } = fields;
  const head = Buffer.concat([word(1), word(etherTypes.ipv4), Buffer.from([6, 4]), word(operation)]);
  const sender = [macBytes("02:00:00:00:00:01"), ipv4Bytes(src)];
  const target = [macBytes("00:00:00:00:00:00"), ipv4Bytes(dst)];
  return { type: etherTypes.arp, bytes: () => Buffer.concat([head, ...sender, ...target]) };
}

export interface Ipv4Fields {
  readonly src?: string;
  readonly dst?: string;
  readonly protocol?: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly id?: number;
  /** In units of 8 bytes. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  readonly dontFragment?: boolean;
  /** A multiple of 4 bytes. */
  readonly options?: Uint8Array;
}

export function ipv4(fields: Ipv4Fields, payload: Layer): Layer {
  const addresses = Buffer.concat([ipv4Bytes(fields.src ?? "192.0.2.1"), ipv4Bytes(fields.dst ?? "198.51.100.1")]);
  const pseudo = (protocol: number, length: number) => Buffer.concat([addresses, Buffer.from([0, protocol]), word(length)]);
  return {
    type: etherTypes.ipv4,
    bytes: () => {
      const body = payload.bytes(pseudo);
      const options = fields.options ?? new Uint8Array(0);
      const flags = (fields.dontFragment === true ? 0x4000 : 0) | (fields.moreFragments === true ? 0x2000 : 0);
      const header = Buffer.concat([
        Buffer.from([0x45 + options.length / 4, fields.tos ?? 0]),
        word(20 + options.length + body.length),
        word(fields.id ?? 0),
        word(flags | (fields.fragmentOffset ?? 0)),
        Buffer.from([fields.ttl ?? 64, fields.protocol ?? payload.type, 0, 0]),
        addresses,
        options,
      ]);
      header.writeUInt16BE(checksum(header), 10);
      return Buffer.concat([header, body]);
    },
  };
}

export function ipv6(fields: { src?: string; dst?: string; next?: number; hops?: number }, payload: Layer): Layer {
  const addresses = Buffer.concat([ipv6Bytes(fields.src ?? "2001:db8::1"), ipv6Bytes(fields.dst ?? "2001:db8::2")]);
  const pseudo = (protocol: number, length: number) =>
    Buffer.concat([addresses, Buffer.from([0, 0]), word(length), Buffer.from([0, 0, 0, protocol])]);
  return {
    type: etherTypes.ipv6,
    bytes: () => {
      const body = payload.bytes(pseudo);
      const start = Buffer.from([0x60, 0, 0, 0]);
      return Buffer.concat([start, word(body.length), Buffer.from([fields.next ?? payload.type, fields.hops ?? 64]), addresses, body]);
    },
  };
}

/** The fragment header of IPv6; `offset` in units of 8 bytes. */
export function ipv6Fragment(fields: { offset?: number; more?: boolean; id?: number }, payload: Layer): Layer {
  const offset = ((fields.offset ?? 0) << 3) | (fields.more === true ? 1 : 0);
  return {
    type: protocols.fragment,
    bytes: (pseudo) => {
      const id = Buffer.alloc(4);
      id.writeUInt32BE(fields.id ?? 1);
      return Buffer.concat([Buffer.from([payload.type, 0]), word(offset), id, payload.bytes(pseudo)]);
    },
  };
}

/** An extension header of IPv6 (hop-by-hop 0, routing 43, destination 60); `size` is a multiple of 8 bytes. */
export function ipv6Extension(fields: { type: number; size?: number }, payload: Layer): Layer {
  const size = fields.size ?? 8;
  return {
    type: fields.type,
    bytes: (pseudo) => {
      const padding = Buffer.concat([Buffer.from([1, size - 4]), Buffer.alloc(size - 4)]);
      return Buffer.concat([Buffer.from([payload.type, size / 8 - 1]), padding, payload.bytes(pseudo)]);
    },
  };
}

export function udp(fields: { from?: number; to?: number; payload?: Uint8Array }): Layer {
  const payload = fields.payload ?? new Uint8Array(0);
  return {
    type: protocols.udp,
    bytes: (pseudo) => {
      const header = [word(fields.from ?? 40_000), word(fields.to ?? 53), word(8 + payload.length), word(0)];
      return withChecksum(Buffer.concat([...header, payload]), 6, pseudo(protocols.udp, 8 + payload.length));
    },
  };
}

export interface TcpFields {
  readonly from?: number;
  readonly to?: number;
  /** Bits of tcpFlags. */
  readonly flags?: number;
  readonly sequence?: number;
  readonly acknowledgement?: number;
  readonly window?: number;
  /** A multiple of 4 bytes. */
  readonly options?: Uint8Array;
  readonly payload?: Uint8Array;
}

export function tcp(fields: TcpFields): Layer {
  const { options = new Uint8Array(0), payload = new Uint8Array(0) } = fields;
  return {
    type: protocols.tcp,
    bytes: (pseudo) => {
      const header = Buffer.alloc(20);
      header.writeUInt16BE(fields.from ?? 40_000, 0);
      header.writeUInt16BE(fields.to ?? 80, 2);
      header.writeUInt32BE(fields.sequence ?? 1, 4);
      header.writeUInt32BE(fields.acknowledgement ?? 0, 8);
      header.writeUInt8((5 + options.length / 4) << 4, 12);
      header.writeUInt8(fields.flags ?? tcpFlags.syn, 13);
      header.writeUInt16BE(fields.window ?? 64_240, 14);
      const segment = Buffer.concat([header, options, payload]);
      return withChecksum(segment, 16, pseudo(protocols.tcp, segment.length));
    },
  };
}

/** ICMP below IPv4 (echo request unless told otherwise). */
export function icmp(fields: { type?: number; code?: number; payload?: Uint8Array }): Layer {
  return { type: protocols.icmp, bytes: () => icmpBytes(fields, 8, new Uint8Array(0)) };
}

/** ICMP below IPv6 (echo request unless told otherwise). */
export function icmpv6(fields: { type?: number; code?: number; payload?: Uint8Array }): Layer {
  const length = 8 + (fields.payload?.length ?? 0);
  return { type: protocols.icmpv6, bytes: (pseudo) => icmpBytes(fields, 128, pseudo(protocols.icmpv6, length)) };
}

/** Bytes without a meaning, for what has no function of its own. */
export function raw(type: number, bytes: Uint8Array): Layer {
  return { type, bytes: () => bytes };
}

/** The Internet checksum (RFC 1071). */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function macBytes(address: string): Uint8Array {
  return known(parseMac(address), address);
}

function ipv4Bytes(address: string): Uint8Array {
  return known(parseIpv4(address), address);
}

function ipv6Bytes(address: string): Uint8Array {
  return known(parseIpv6(address), address);
}

function known(bytes: Uint8Array | null, address: string): Uint8Array {
  if (bytes === null) throw new RangeError(`"${address}" is no address of this layer`);
  return bytes;
}

function icmpBytes(fields: { type?: number; code?: number; payload?: Uint8Array }, request: number, pseudoHeader: Uint8Array): Uint8Array {
  const header = Buffer.from([fields.type ?? request, fields.code ?? 0, 0, 0, 0, 1, 0, 1]);
  return withChecksum(Buffer.concat([header, fields.payload ?? new Uint8Array(0)]), 2, pseudoHeader);
}

function withChecksum(bytes: Buffer, at: number, pseudoHeader: Uint8Array): Buffer {
  const sum = checksum(Buffer.concat([pseudoHeader, bytes]));
  // UDP keeps zero for "no checksum".
  bytes.writeUInt16BE(sum === 0 ? 0xffff : sum, at);
  return bytes;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
