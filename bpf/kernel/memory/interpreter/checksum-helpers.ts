// SPDX-License-Identifier: Apache-2.0
import { errno, type Helper } from "./helper.ts";
import { bytesIn, checkContext, type Machine } from "./machine.ts";
import { packetBytes } from "./packet.ts";
import { low, setHalves, setNumber } from "./registers.ts";

/** BPF_F_MARK_MANGLED_0, BPF_F_MARK_ENFORCE and the size of the field, in the flags of bpf_l4_csum_replace. */
const mangledZero = 0x20;
const enforce = 0x40;
const sizeMask = 0x0f;

/** Helpers that compute internet checksums (RFC 1071), by number. */
export const checksumHelpers: Readonly<Record<number, Helper>> = {
  10: (machine) => replace(machine, false),
  11: (machine) => replace(machine, true),
  28: difference,
};

/** bpf_csum_diff: the sum of `to` minus that of `from`, plus a seed, folded to 16 bits as Linux 6.13 and later give it. */
function difference(machine: Machine): void {
  const { registers } = machine;
  const fromSize = low(registers, 2);
  const toSize = low(registers, 4);
  const seed = low(registers, 5);
  if (((fromSize | toSize) & 3) !== 0) return setNumber(registers, 0, errno.EINVAL);
  const from = bytesIn(machine, 1, fromSize);
  const to = bytesIn(machine, 3, toSize);
  let sum = seed;
  if (toSize > 0 && fromSize > 0) sum = add(addBytes(seed, to), invert(addBytes(0, from)));
  else if (toSize > 0) sum = addBytes(seed, to);
  else if (fromSize > 0) sum = invert(addBytes(invert(seed), from));
  setHalves(registers, 0, toSize + fromSize > 0 ? fold(sum) : fold(seed), 0);
}

/** bpf_l3_csum_replace and bpf_l4_csum_replace: update the checksum at an offset for a field that changed from r3 to r4. */
function replace(machine: Machine, transport: boolean): void {
  checkContext(machine, 1);
  const { registers } = machine;
  const at = low(registers, 2);
  const flags = low(registers, 5);
  const bytes = packetBytes(machine.context.packet);
  const known = transport ? sizeMask | mangledZero | enforce | 0x10 : sizeMask;
  if ((flags & ~known) !== 0) return setNumber(registers, 0, errno.EINVAL);
  if (at > 0xffff || (at & 1) !== 0 || at + 2 > bytes.length) return setNumber(registers, 0, errno.EFAULT);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const old = view.getUint16(at, true);
  if ((flags & mangledZero) !== 0 && (flags & enforce) === 0 && old === 0) return setNumber(registers, 0, 0);
  const size = flags & sizeMask;
  if (size !== 0 && size !== 2 && size !== 4) return setNumber(registers, 0, errno.EINVAL);
  if (size === 0 && low(registers, 3) !== 0) return setNumber(registers, 0, errno.EINVAL);
  const removed = size === 0 ? 0 : low(registers, 3) & (size === 2 ? 0xffff : 0xffffffff);
  const added = size === 2 ? low(registers, 4) & 0xffff : low(registers, 4);
  const sum = ~fold(add(add(~old & 0xffff, invert(removed >>> 0)), added)) & 0xffff;
  view.setUint16(at, (flags & mangledZero) !== 0 && sum === 0 ? 0xffff : sum, true);
  setNumber(registers, 0, 0);
}

/** Adds 16-bit words in memory order to a 32-bit ones' complement sum. */
function addBytes(sum: number, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let total = sum;
  for (let at = 0; at < bytes.length; at += 4) total = add(total, view.getUint32(at, true));
  return total;
}

function add(a: number, b: number): number {
  const sum = a + b;
  return sum > 0xffffffff ? (sum + 1) >>> 0 : sum;
}

function invert(sum: number): number {
  return ~sum >>> 0;
}

/** csum_from32to16. */
function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}
