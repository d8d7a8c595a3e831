// SPDX-License-Identifier: Apache-2.0
/*
 * pcapng (draft-ietf-opsawg-pcapng), little-endian. Every block: type, its whole length, the body padded to 4 bytes, the length again.
 * An option: code, length, value padded to 4 bytes; they end with 0, 0.
 */

export interface CaptureInterface {
  /** "eth0". */
  readonly name: string;
  /** For people: "xdp, tap \"edge\"". */
  readonly description: string;
  /** Bytes of a packet that are kept at most. */
  readonly snaplen: number;
}

export interface CapturedPacket {
  /** Which interface: 0 for the first that was described. */
  readonly interface: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly bytes: Uint8Array;
  /** Of the whole packet. */
  readonly length: number;
  readonly direction: "in" | "out";
  readonly comment: string;
  readonly verdict: CapturedVerdict | null;
}

export interface CapturedVerdict {
  readonly by: "tc" | "xdp";
  readonly value: number;
}

const blocks = { section: 0x0a0d0d0a, interface: 1, packet: 6 } as const;
const options = {
  comment: 1,
  application: 4,
  interfaceName: 2,
  interfaceDescription: 3,
  resolution: 9,
  flags: 2,
  verdict: 7,
} as const;
const ethernet = 1;

/** The block that a file begins with. `application` says who wrote it. */
export function sectionBlock(application: string): Uint8Array {
  // Byte order, version 1.0, a section of unknown length.
  const head = Buffer.alloc(16);
  head.writeUInt32LE(0x1a2b3c4d, 0);
  head.writeUInt16LE(1, 4);
  head.writeBigInt64LE(-1n, 8);
  return block(blocks.section, head, [[options.application, Buffer.from(application)]]);
}

/** Describes an interface of Ethernet frames with times in nanoseconds. It stands before the first packet of it. */
export function interfaceBlock({ name, description, snaplen }: CaptureInterface): Uint8Array {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(ethernet, 0);
  head.writeUInt32LE(snaplen, 4);
  return block(blocks.interface, head, [
    [options.interfaceName, Buffer.from(name)],
    [options.interfaceDescription, Buffer.from(description)],
    [options.resolution, Uint8Array.of(9)],
  ]);
}

/** One packet with its comment. */
export function packetBlock(packet: CapturedPacket): Uint8Array {
  const head = Buffer.alloc(20);
  head.writeUInt32LE(packet.interface, 0);
  head.writeUInt32LE(Number(packet.time >> 32n), 4);
  head.writeUInt32LE(Number(packet.time & 0xffffffffn), 8);
  head.writeUInt32LE(packet.bytes.length, 12);
  head.writeUInt32LE(packet.length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(packet.direction === "in" ? 1 : 2, 0);
  return block(blocks.packet, Buffer.concat([head, padded(packet.bytes)]), [
    [options.flags, flags],
    ...(packet.verdict === null ? [] : [[options.verdict, verdictValue(packet.verdict)] as const]),
    [options.comment, Buffer.from(packet.comment)],
  ]);
}

/** Type 1 is eBPF at tc, 2 is XDP; then the verdict in 64 bits. */
function verdictValue({ by, value }: CapturedVerdict): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(by === "tc" ? 1 : 2, 0);
  bytes.writeBigInt64LE(BigInt(value), 1);
  return bytes;
}

type Option = readonly [code: number, value: Uint8Array];

function block(type: number, body: Uint8Array, list: readonly Option[]): Uint8Array {
  const encoded = list.flatMap(([code, value]) => [pair16(code, value.length), padded(value)]);
  const content = Buffer.concat([body, ...encoded, pair16(0, 0)]);
  const length = content.length + 12;
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  return Buffer.concat([head, content, head.subarray(4)]);
}

function pair16(first: number, second: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(first, 0);
  bytes.writeUInt16LE(second, 2);
  return bytes;
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
