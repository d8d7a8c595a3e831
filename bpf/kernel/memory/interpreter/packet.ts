// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../kernel.ts";
import { type BytesRegion, bytesRegion } from "./address-space.ts";

/** Bytes before the packet, as drivers and BPF_PROG_TEST_RUN leave them (XDP_PACKET_HEADROOM). */
const headroom = 256;
/** sizeof(struct skb_shared_info), rounded: what the kernel keeps behind the packet. */
const sharedInfo = 320;
const pageSize = 4096;
/** MTU of "lo" and an Ethernet header. */
const largestFrame = 65_550;

/** Bytes that a packet of one piece has at most, for XDP and for BPF_PROG_TEST_RUN at tc. */
export const mostBytes: Readonly<Record<HookKind, number>> = { xdp: 3520, "tc-ingress": 3712, "tc-egress": 3712 };

/** A packet in its buffer; all are offsets in `region.view`. */
export interface Packet {
  readonly region: BytesRegion;
  data: number;
  dataEnd: number;
  /** Start of the metadata in front of the packet; `data` when there is none. */
  dataMeta: number;
  /** Where the packet may grow to. */
  readonly limit: number;
}

/** A packet with room around it: a page for XDP, whatever a device may carry for tc. */
export function createPacket(hook: HookKind, frame: Uint8Array): Packet {
  const size = hook === "xdp" ? pageSize : headroom + largestFrame + sharedInfo;
  const buffer = new Uint8Array(size);
  buffer.set(frame, headroom);
  const packet = {
    region: bytesRegion("packet", buffer, true),
    data: headroom,
    dataEnd: headroom + frame.length,
    dataMeta: headroom,
    limit: size - sharedInfo,
  };
  moveBounds(packet);
  return packet;
}

/** What may be touched after `data`, `dataEnd` or `dataMeta` changed. */
export function moveBounds(packet: Packet): void {
  packet.region.start = packet.dataMeta;
  packet.region.end = packet.dataEnd;
}

/** The packet's bytes, live. */
export function packetBytes({ region, data, dataEnd }: Packet): Uint8Array {
  return new Uint8Array(region.view.buffer, region.view.byteOffset + data, dataEnd - data);
}

/** The bytes of the metadata in front of the packet, live. */
export function metadataBytes({ region, data, dataMeta }: Packet): Uint8Array {
  return new Uint8Array(region.view.buffer, region.view.byteOffset + dataMeta, data - dataMeta);
}
