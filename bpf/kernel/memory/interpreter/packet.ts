// SPDX-License-Identifier: Apache-2.0
import { type BytesRegion, bytesRegion } from "./address-space.ts";

/** Bytes before the packet, as drivers and BPF_PROG_TEST_RUN leave them (XDP_PACKET_HEADROOM). */
const headroom = 256;
/** sizeof(struct skb_shared_info), rounded: what the kernel keeps behind the packet. */
const sharedInfo = 320;
const pageSize = 4096;

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

/** A packet with room around it. */
export function createPacket(frame: Uint8Array): Packet {
  const size = Math.max(pageSize, headroom + frame.length + sharedInfo);
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
