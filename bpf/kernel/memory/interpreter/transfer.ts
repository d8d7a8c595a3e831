// SPDX-License-Identifier: Apache-2.0
import { checkAccess } from "./address-space.ts";
import { checkField, packetPointer } from "./context.ts";
import type { Machine } from "./machine.ts";
import { setPointer } from "./machine.ts";
import { high, low, setHalves } from "./registers.ts";

/** Bytes that a size field of an opcode (its bits 3 and 4) stands for. */
const sizeBytes: Readonly<Record<number, number>> = { 0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8 };

/** Bytes that a load or store moves. */
export function transferSize(opcode: number): number {
  return sizeBytes[opcode & 0x18] as number;
}

/** dst = *(size *)(base + offset), sign extended on request. */
export function load(machine: Machine, dst: number, base: number, offset: number, size: number, signed: boolean): void {
  const at = low(machine.registers, base) + offset;
  const region = machine.space.region(high(machine.registers, base));
  if (region.kind === "context") {
    const pointer = packetPointer(machine.context.hook, at, size);
    if (pointer !== null) return setPointer(machine, dst, machine.context.packet.region, machine.context.packet[pointer]);
    return readValue(machine, dst, checkField(machine.context, at, size, false), at, size, signed);
  }
  readValue(machine, dst, checkAccess(region, at, size, false), at, size, signed);
}

/** *(size *)(base + offset) = the halves. */
export function store(machine: Machine, base: number, offset: number, size: number, lowHalf: number, highHalf: number): void {
  const [view, at] = writableAt(machine, base, offset, size);
  if (size === 1) view.setUint8(at, lowHalf);
  else if (size === 2) view.setUint16(at, lowHalf, true);
  else view.setUint32(at, lowHalf, true);
  if (size === 8) view.setUint32(at + 4, highHalf, true);
}

/** The bytes that base + offset points to, checked for writing. */
export function writableAt(machine: Machine, base: number, offset: number, size: number): readonly [DataView, number] {
  const at = low(machine.registers, base) + offset;
  const region = machine.space.region(high(machine.registers, base));
  return [region.kind === "context" ? checkField(machine.context, at, size, true) : checkAccess(region, at, size, true), at];
}

function readValue(machine: Machine, dst: number, view: DataView, at: number, size: number, signed: boolean): void {
  const { registers } = machine;
  if (size === 8) return setHalves(registers, dst, view.getUint32(at, true), view.getUint32(at + 4, true));
  if (!signed)
    return setHalves(registers, dst, size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, true) : view.getUint32(at, true), 0);
  const value = size === 1 ? view.getInt8(at) : size === 2 ? view.getInt16(at, true) : view.getInt32(at, true);
  setHalves(registers, dst, value, value < 0 ? 0xffffffff : 0);
}
