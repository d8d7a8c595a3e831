// SPDX-License-Identifier: Apache-2.0

/** Frames of a capture file, whole ones; or why it cannot be read. */
export type Capture =
  | { readonly kind: "capture"; readonly frames: readonly Uint8Array[] }
  | { readonly kind: "wrong"; readonly reason: string };

/** LINKTYPE_ETHERNET. */
const ethernetLink = 1;

/**
 * Reads a capture as tcpdump and Wireshark write it: pcap (microseconds or nanoseconds, either byte order) or pcapng. Frames must be
 * of Ethernet and captured whole. Formats: draft-ietf-opsawg-pcap and -pcapng.
 */
export function readCapture(bytes: Uint8Array): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return wrong("it is no capture: it has fewer than 4 bytes");
  if (view.getUint32(0) === sectionHeader) return readBlocks(bytes, view);
  for (const little of [true, false]) {
    const magic = view.getUint32(0, little);
    if (magic === 0xa1b2c3d4 || magic === 0xa1b23c4d) return readRecords(bytes, view, little);
  }
  return wrong("it is no capture: expected the format pcap or pcapng");
}

function readRecords(bytes: Uint8Array, view: DataView, little: boolean): Capture {
  if (bytes.length < 24) return wrong("it is truncated: its header has 24 bytes");
  const link = view.getUint32(20, little) & 0xffff;
  if (link !== ethernetLink) return wrong(wrongLink(link));
  const frames: Uint8Array[] = [];
  for (let at = 24; at < bytes.length; ) {
    const number = frames.length + 1;
    if (at + 16 > bytes.length) return wrong(`it is truncated in frame ${number}`);
    const captured = view.getUint32(at + 8, little);
    if (at + 16 + captured > bytes.length) return wrong(`it is truncated in frame ${number}`);
    if (captured < view.getUint32(at + 12, little)) return wrong(notWhole(number));
    frames.push(bytes.slice(at + 16, at + 16 + captured));
    at += 16 + captured;
  }
  return { kind: "capture", frames };
}

const sectionHeader = 0x0a0d0d0a;
const interfaceDescription = 1;
const simplePacket = 3;
const enhancedPacket = 6;

function readBlocks(bytes: Uint8Array, view: DataView): Capture {
  const frames: Uint8Array[] = [];
  let links: number[] = [];
  let little = true;
  for (let at = 0; at < bytes.length; ) {
    if (at + 12 > bytes.length) return wrong("it is truncated");
    if (view.getUint32(at) === sectionHeader) {
      little = view.getUint32(at + 8, true) === 0x1a2b3c4d;
      links = [];
    }
    const type = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    if (length < 12 || length % 4 !== 0 || at + length > bytes.length) return wrong(`it is truncated or damaged at byte ${at}`);
    if (type === interfaceDescription && length >= 20) links.push(view.getUint16(at + 8, little));
    if (type === enhancedPacket || type === simplePacket) {
      const frame = readBlock(bytes, view, { at, length, type, little, links, number: frames.length + 1 });
      if (typeof frame === "string") return wrong(frame);
      frames.push(frame);
    }
    at += length;
  }
  return { kind: "capture", frames };
}

interface PacketBlock {
  readonly at: number;
  readonly length: number;
  readonly type: number;
  readonly little: boolean;
  readonly links: readonly number[];
  readonly number: number;
}

/** The frame of one block, or what is wrong with it. */
function readBlock(bytes: Uint8Array, view: DataView, { at, length, type, little, links, number }: PacketBlock): Uint8Array | string {
  const isEnhanced = type === enhancedPacket;
  const data = at + (isEnhanced ? 28 : 12);
  const room = at + length - 4 - data;
  if (room < 0) return `it is damaged in frame ${number}`;
  const link = links[isEnhanced ? view.getUint32(at + 8, little) : 0];
  if (link === undefined) return `frame ${number} is of an interface that the file does not describe`;
  if (link !== ethernetLink) return wrongLink(link);
  const original = view.getUint32(at + (isEnhanced ? 24 : 8), little);
  const captured = isEnhanced ? view.getUint32(at + 20, little) : Math.min(original, room);
  if (captured > room) return `it is damaged in frame ${number}`;
  return captured < original ? notWhole(number) : bytes.slice(data, data + captured);
}

function wrongLink(link: number): string {
  return `its link type is ${link}: expected 1, Ethernet`;
}

function notWhole(number: number): string {
  return `frame ${number} is not whole: capture with tcpdump -s 0`;
}

function wrong(reason: string): Capture {
  return { kind: "wrong", reason };
}
