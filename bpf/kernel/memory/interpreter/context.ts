// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../kernel.ts";
import { InterpreterError } from "./interpreter-error.ts";
import { type Packet, packetBytes } from "./packet.ts";

/**
 * What r1 points to, by the offsets of <linux/bpf.h>:
 *
 *     struct xdp_md     0 data  4 data_end  8 data_meta  12 ingress_ifindex  16 rx_queue_index  20 egress_ifindex
 *     struct __sk_buff  0 len  4 pkt_type  8 mark  16 protocol  32 priority  36 ingress_ifindex  40 ifindex  48 cb[5]  68 hash
 *                       72 tc_classid  76 data  80 data_end  140 data_meta  152 tstamp  160 wire_len  192 end
 */
export interface Context {
  readonly hook: HookKind;
  readonly fields: DataView;
  readonly packet: Packet;
}

/** Which end of the packet a field points to. */
export type PacketPointer = "data" | "dataEnd" | "dataMeta";

interface ContextLayout {
  readonly size: number;
  readonly pointers: ReadonlyMap<number, PacketPointer>;
  /** [start, end) of what programs may write. */
  readonly writable: readonly (readonly [number, number])[];
}

const xdpLayout: ContextLayout = {
  size: 24,
  pointers: new Map([
    [0, "data"],
    [4, "dataEnd"],
    [8, "dataMeta"],
  ]),
  writable: [],
};

/** mark, queue_mapping, priority, tc_index and cb, tc_classid, tstamp. */
const skbLayout: ContextLayout = {
  size: 192,
  pointers: new Map([
    [76, "data"],
    [80, "dataEnd"],
    [140, "dataMeta"],
  ]),
  writable: [
    [8, 16],
    [32, 36],
    [44, 68],
    [72, 76],
    [152, 160],
  ],
};

const skbField = { length: 0, packetType: 4, protocol: 16, ingressIfindex: 36, ifindex: 40, wireLength: 160 } as const;

/** How a packet came to a hook. */
export interface Arrival {
  readonly ifindex: number;
  /**
   * By BPF_PROG_TEST_RUN: it came from no device, and is for this host only when its destination is all zeros, which is the address of
   * "lo". Packets that were sent are for this host unless they are for many.
   */
  readonly testRun: boolean;
}

/** The context of a packet at a hook. */
export function createContext(hook: HookKind, packet: Packet, { ifindex, testRun }: Arrival): Context {
  const fields = new DataView(new ArrayBuffer(layoutOf(hook).size));
  const context = { hook, fields, packet };
  if (hook === "xdp") {
    fields.setUint32(12, ifindex, true);
    return context;
  }
  const frame = packetBytes(packet);
  fields.setUint32(skbField.packetType, packetType(frame, testRun), true);
  fields.setUint16(skbField.protocol, linkProtocol(frame), false);
  fields.setUint32(skbField.ingressIfindex, hook === "tc-ingress" && !testRun ? ifindex : 0, true);
  fields.setUint32(skbField.ifindex, ifindex, true);
  updateLength(context);
  return context;
}

/** Writes the packet's length into __sk_buff after it changed. */
export function updateLength({ hook, fields, packet }: Context): void {
  if (hook === "xdp") return;
  fields.setUint32(skbField.length, packet.dataEnd - packet.data, true);
  fields.setUint32(skbField.wireLength, packet.dataEnd - packet.data, true);
}

/** The end of the packet that a load of 4 bytes at this offset gives; null for every other field. */
export function packetPointer(hook: HookKind, offset: number, size: number): PacketPointer | null {
  return size === 4 ? (layoutOf(hook).pointers.get(offset) ?? null) : null;
}

/** Checks a load or store of a field and gives the bytes it is in. */
export function checkField({ hook, fields }: Context, offset: number, size: number, write: boolean): DataView {
  const { size: end, writable } = layoutOf(hook);
  const inside = offset >= 0 && offset + size <= end;
  if (!inside || (write && !writable.some(([from, to]) => offset >= from && offset + size <= to))) {
    throw new InterpreterError(`Cannot ${write ? "write" : "read"} ${size} bytes at ${offset} of the ${hook} context`);
  }
  return fields;
}

function layoutOf(hook: HookKind): ContextLayout {
  return hook === "xdp" ? xdpLayout : skbLayout;
}

/** PACKET_HOST (0), BROADCAST (1), MULTICAST (2) or OTHERHOST (3), as eth_type_trans tells them. */
function packetType(frame: Uint8Array, testRun: boolean): number {
  const destination = frame.subarray(0, 6);
  if (destination.every((byte) => byte === 0xff)) return 1;
  if (((destination[0] as number) & 1) === 1) return 2;
  return testRun && destination.some((byte) => byte !== 0) ? 3 : 0;
}

/** What eth_type_trans() makes of a frame: numbers below 0x600 are lengths, of 802.3 where the payload begins with 0xffff, else of 802.2. */
function linkProtocol(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const type = view.getUint16(12);
  if (type >= 0x600) return type;
  return frame.length >= 16 && view.getUint16(14) === 0xffff ? 0x0001 : 0x0004;
}
