// SPDX-License-Identifier: Apache-2.0
import { updateLength } from "./context.ts";
import { errno, type Helper } from "./helper.ts";
import { bytesIn, checkContext, type Machine } from "./machine.ts";
import { moveBounds, packetBytes } from "./packet.ts";
import { low, setNumber } from "./registers.ts";

const ethernetHeader = 14;
/** sizeof(struct xdp_frame): the kernel keeps the start of the headroom for itself. */
const frameHeader = 40;
/** Largest metadata in front of a packet, from Linux 6.6 on. */
const largestMetadata = 255;

/** Helpers that read, write, grow and shrink the packet, by number. */
export const packetHelpers: Readonly<Record<number, Helper>> = {
  9: (machine) =>
    copyToPacket(machine, low(machine.registers, 2), low(machine.registers, 4), bytesIn(machine, 3, low(machine.registers, 4))),
  26: (machine) => copyFromPacket(machine),
  38: changeTail,
  39: (machine) => {
    checkContext(machine, 1);
    const { packet } = machine.context;
    setNumber(machine.registers, 0, low(machine.registers, 2) > packet.dataEnd - packet.data ? -12 : 0);
  },
  44: adjustHead,
  54: adjustMeta,
  65: adjustTail,
  188: (machine) => setNumber(machine.registers, 0, machine.context.packet.dataEnd - machine.context.packet.data),
  189: (machine) => copyFromPacket(machine),
  190: (machine) =>
    copyToPacket(machine, low(machine.registers, 2), low(machine.registers, 4), bytesIn(machine, 3, low(machine.registers, 4))),
};

/** The skb helpers take at most 0xffff as offset; the xdp ones have the same limit. */
function copyFromPacket(machine: Machine): void {
  checkContext(machine, 1);
  const size = low(machine.registers, 4);
  const target = bytesIn(machine, 3, size, true);
  const source = inPacket(machine, low(machine.registers, 2), size);
  if (source === null) target.fill(0);
  else target.set(source);
  setNumber(machine.registers, 0, source === null ? outside(machine) : 0);
}

function copyToPacket(machine: Machine, offset: number, size: number, source: Uint8Array): void {
  checkContext(machine, 1);
  const target = inPacket(machine, offset, size);
  if (target !== null) target.set(source);
  setNumber(machine.registers, 0, target === null ? outside(machine) : 0);
}

function inPacket(machine: Machine, offset: number, size: number): Uint8Array | null {
  const bytes = packetBytes(machine.context.packet);
  return offset > 0xffff || offset + size > bytes.length ? null : bytes.subarray(offset, offset + size);
}

function outside(machine: Machine): number {
  return machine.context.hook === "xdp" ? errno.EINVAL : errno.EFAULT;
}

/** bpf_xdp_adjust_head: the metadata, if there is any, moves along. */
function adjustHead(machine: Machine): void {
  checkContext(machine, 1);
  const { packet } = machine.context;
  const metadata = packet.data - packet.dataMeta;
  const data = packet.data + (low(machine.registers, 2) | 0);
  if (data < frameHeader + metadata || data > packet.dataEnd - ethernetHeader) return setNumber(machine.registers, 0, errno.EINVAL);
  const { view } = packet.region;
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).copyWithin(data - metadata, packet.dataMeta, packet.data);
  packet.data = data;
  packet.dataMeta = data - metadata;
  finish(machine);
}

/** bpf_xdp_adjust_meta: whole words only. */
function adjustMeta(machine: Machine): void {
  checkContext(machine, 1);
  const { packet } = machine.context;
  const start = packet.dataMeta + (low(machine.registers, 2) | 0);
  const size = packet.data - start;
  if (start < frameHeader || size < 0) return setNumber(machine.registers, 0, errno.EINVAL);
  if (size > largestMetadata || (size & 3) !== 0) return setNumber(machine.registers, 0, errno.EACCES);
  packet.dataMeta = start;
  finish(machine);
}

/** bpf_xdp_adjust_tail: what is grown is zero. */
function adjustTail(machine: Machine): void {
  checkContext(machine, 1);
  const { packet } = machine.context;
  moveEnd(machine, packet.dataEnd + (low(machine.registers, 2) | 0));
}

/** bpf_skb_change_tail: the new length, and no flags. */
function changeTail(machine: Machine): void {
  checkContext(machine, 1);
  if (machine.registers.whole[3] !== 0n) return setNumber(machine.registers, 0, errno.EINVAL);
  moveEnd(machine, machine.context.packet.data + low(machine.registers, 2));
}

function moveEnd(machine: Machine, end: number): void {
  const { packet } = machine.context;
  if (end > packet.limit || end < packet.data + ethernetHeader) return setNumber(machine.registers, 0, errno.EINVAL);
  const { view } = packet.region;
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(0, packet.dataEnd, Math.max(packet.dataEnd, end));
  packet.dataEnd = end;
  finish(machine);
}

function finish(machine: Machine): void {
  moveBounds(machine.context.packet);
  updateLength(machine.context);
  setNumber(machine.registers, 0, 0);
}
