// SPDX-License-Identifier: Apache-2.0
import { printAddress } from "../btf/print-address.ts";

/**
 * A frame in tcpdump's words, short: "IP 10.0.0.1.4000 > 192.0.2.1.443: Flags [S], length 60". `length` is the frame's, in bytes.
 * Takes any bytes; what is cut off or unknown is said to be so.
 */
export function describePacket(frame: Uint8Array): string {
  const bytes = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let at = 12;
  let tags = "";
  while (at + 4 <= frame.length && isTag(bytes.getUint16(at))) {
    tags += `vlan ${bytes.getUint16(at + 2) & 0xfff}, `;
    at += 4;
  }
  if (at + 2 > frame.length) return `${tags}truncated frame, length ${frame.length}`;
  return `${tags}${describeNetwork(bytes, at + 2, bytes.getUint16(at))}, length ${frame.length}`;
}

/** Who talks to whom: "IP 10.0.0.1.4000 > 192.0.2.1.443". What describePacket() says, without flags, codes and length. */
export function describeFlow(frame: Uint8Array): string {
  return describePacket(frame)
    .replace(/, length \d+$/, "")
    .replace(/: (?:Flags|UDP|ICMP|fragment).*$/, "");
}

function isTag(type: number): boolean {
  return type === 0x8100 || type === 0x88a8;
}

function describeNetwork(bytes: DataView, at: number, type: number): string {
  if (type === 0x0800) return describeIpv4(bytes, at);
  if (type === 0x86dd) return describeIpv6(bytes, at);
  if (type === 0x0806) return describeArp(bytes, at);
  return `ethertype 0x${type.toString(16).padStart(4, "0")}`;
}

function describeArp(bytes: DataView, at: number): string {
  if (at + 28 > bytes.byteLength) return "ARP, truncated";
  const [sender, target] = [address(bytes, at + 14, 4), address(bytes, at + 24, 4)];
  return bytes.getUint16(at + 6) === 1 ? `ARP, Request who-has ${target} tell ${sender}` : `ARP, Reply ${sender}`;
}

function describeIpv4(bytes: DataView, at: number): string {
  const header = at < bytes.byteLength ? (bytes.getUint8(at) & 15) * 4 : 0;
  if (header < 20 || at + header > bytes.byteLength) return "IP, truncated";
  const addresses = [address(bytes, at + 12, 4), address(bytes, at + 16, 4)] as const;
  const offset = bytes.getUint16(at + 6) & 0x1fff;
  if (offset > 0) return `IP ${addresses.join(" > ")}: fragment at ${offset * 8}`;
  return `IP ${describeTransport(bytes, at + header, bytes.getUint8(at + 9), addresses)}`;
}

function describeIpv6(bytes: DataView, at: number): string {
  if (at + 40 > bytes.byteLength) return "IP6, truncated";
  const addresses = [address(bytes, at + 8, 16), address(bytes, at + 24, 16)] as const;
  let next = bytes.getUint8(at + 6);
  let inner = at + 40;
  while (isExtension(next) && inner + 8 <= bytes.byteLength) {
    const offset = next === 44 ? bytes.getUint16(inner + 2) >> 3 : 0;
    if (offset > 0) return `IP6 ${addresses.join(" > ")}: fragment at ${offset * 8}`;
    const size = next === 44 ? 8 : (bytes.getUint8(inner + 1) + 1) * 8;
    next = bytes.getUint8(inner);
    inner += size;
  }
  return `IP6 ${describeTransport(bytes, inner, next, addresses)}`;
}

function isExtension(header: number): boolean {
  return header === 0 || header === 43 || header === 44 || header === 60;
}

function describeTransport(bytes: DataView, at: number, protocol: number, [source, target]: readonly [string, string]): string {
  const plain = `${source} > ${target}`;
  const left = bytes.byteLength - at;
  if ((protocol === 6 && left >= 14) || (protocol === 17 && left >= 4)) {
    const ports = `${source}.${bytes.getUint16(at)} > ${target}.${bytes.getUint16(at + 2)}`;
    return protocol === 17 ? `${ports}: UDP` : `${ports}: Flags [${flagsOf(bytes.getUint8(at + 13))}]`;
  }
  if ((protocol === 1 || protocol === 58) && left >= 2) {
    return `${plain}: ${protocol === 1 ? "ICMP" : "ICMP6"} type ${bytes.getUint8(at)} code ${bytes.getUint8(at + 1)}`;
  }
  return `${plain}: protocol ${protocol}`;
}

/** As tcpdump prints them: "." is ACK. */
function flagsOf(bits: number): string {
  const letters = Array.from("FSRP.UEW")
    .filter((_, index) => (bits & (1 << index)) !== 0)
    .join("");
  return letters === "" ? "none" : letters;
}

function address(bytes: DataView, at: number, size: number): string {
  return printAddress(new Uint8Array(bytes.buffer, bytes.byteOffset + at, size));
}
