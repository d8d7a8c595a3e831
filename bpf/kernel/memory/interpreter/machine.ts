// SPDX-License-Identifier: Apache-2.0
import type { KernelState } from "../kernel-state.ts";
import { type MemoryMap, valueOfCpu } from "../memory-map.ts";
import type { MemoryProgram } from "../memory-program.ts";
import {
  type AddressSpace,
  type BytesRegion,
  bytesRegion,
  type ContextRegion,
  checkAccess,
  createAddressSpace,
  type FunctionRegion,
  type MapRegion,
  type Region,
} from "./address-space.ts";
import type { Context } from "./context.ts";
import { InterpreterError } from "./interpreter-error.ts";
import { createRegisters, high, low, type Registers, setHalves } from "./registers.ts";

/** One run of a program on one packet. */
export interface Machine {
  readonly kernel: KernelState;
  readonly registers: Registers;
  readonly space: AddressSpace;
  readonly context: Context;
  readonly contextRegion: ContextRegion;
  /** Stacks of the frames that are running, outermost first. */
  readonly stacks: BytesRegion[];
  tailCalls: number;
  /** Instructions so far. */
  executed: number;
  /** Where bpf_redirect sent the packet: an ifindex; null when nobody did. */
  redirect: number | null;
  /** Reserved ring buffer records that are not submitted yet. */
  readonly reserved: Map<Region, MemoryMap>;
  readonly mapRegions: Map<MemoryMap, MapRegion>;
  readonly functionRegions: Map<MemoryProgram, FunctionRegion>;
  /** By the stored bytes, and CPU where there is one value for each. */
  readonly valueRegions: Map<Uint8Array, Map<number, BytesRegion>>;
}

/** A machine that has not started; r1 is the caller's to set. */
export function createMachine(kernel: KernelState, context: Context): Machine {
  return {
    kernel,
    registers: createRegisters(),
    space: createAddressSpace(),
    context,
    contextRegion: { kind: "context" },
    stacks: [],
    tailCalls: 0,
    executed: 0,
    redirect: null,
    reserved: new Map(),
    mapRegions: new Map(),
    functionRegions: new Map(),
    valueRegions: new Map(),
  };
}

/** register = pointer to byte `at` of a region. */
export function setPointer(machine: Machine, register: number, region: Region, at: number): void {
  setHalves(machine.registers, register, at, machine.space.number(region));
}

/** register = pointer to a map, as ld_imm64 gives it. */
export function setMapPointer(machine: Machine, register: number, map: MemoryMap): void {
  const region = machine.mapRegions.get(map) ?? { kind: "map", map };
  machine.mapRegions.set(map, region);
  setPointer(machine, register, region, 0);
}

/** register = pointer to one CPU's value, given the entry's stored bytes. */
export function setValuePointer(machine: Machine, register: number, map: MemoryMap, stored: Uint8Array, cpu: number, at = 0): void {
  const regions = machine.valueRegions.get(stored) ?? new Map<number, BytesRegion>();
  machine.valueRegions.set(stored, regions);
  const region = regions.get(cpu) ?? bytesRegion("map value", valueOfCpu(map, stored, cpu), !map.frozen);
  regions.set(cpu, region);
  setPointer(machine, register, region, at);
}

/** The map that a register points to. Throws InterpreterError for anything else. */
export function mapIn(machine: Machine, register: number): MemoryMap {
  const region = machine.space.region(high(machine.registers, register));
  if (region.kind !== "map") throw new InterpreterError(`Cannot take r${register} for a map: it points to a ${region.kind}`);
  return region.map;
}

/** The `size` bytes that a register points to, live. */
export function bytesIn(machine: Machine, register: number, size: number, write = false): Uint8Array {
  if (size === 0) return new Uint8Array(0);
  const at = low(machine.registers, register);
  const view = checkAccess(machine.space.region(high(machine.registers, register)), at, size, write);
  return new Uint8Array(view.buffer, view.byteOffset + at, size);
}

/** Throws unless a register holds the context that the program was given. */
export function checkContext(machine: Machine, register: number): void {
  const region = machine.space.region(high(machine.registers, register));
  if (region !== machine.contextRegion)
    throw new InterpreterError(`Cannot take r${register} for the context: it points to a ${region.kind}`);
}
