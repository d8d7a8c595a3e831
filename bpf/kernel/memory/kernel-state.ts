// SPDX-License-Identifier: Apache-2.0
import { createMemoryDevice, type MemoryDevice } from "./memory-device.ts";
import type { MemoryMap } from "./memory-map.ts";
import type { MemoryProgram } from "./memory-program.ts";
import { createPinTree, type PinTree } from "./pin-tree.ts";
import { refusal } from "./refuse.ts";

export interface MemoryOptions {
  /** Names of the devices that exist from the start; "lo" always does. All take native XDP. */
  readonly devices?: readonly string[];
  /** Possible CPUs: how many values a per-CPU map has. Default 2. */
  readonly cpus?: number;
  /** The CPU that programs run on. Default 0. */
  readonly cpu?: () => number;
  /** Nanoseconds since boot, for programs. Default: one second, and a microsecond more with every question. */
  readonly now?: () => bigint;
  /** 32 random bits, for programs. Default: a fixed sequence. */
  readonly random?: () => number;
}

/** Everything that changes in a memory kernel. */
export interface KernelState {
  readonly pins: PinTree;
  readonly devices: Map<string, MemoryDevice>;
  /** Every map and program there ever was, by id: references in maps go by id. */
  readonly maps: Map<number, MemoryMap>;
  readonly programs: Map<number, MemoryProgram>;
  readonly cpus: number;
  readonly cpu: () => number;
  readonly now: () => bigint;
  readonly random: () => number;
  /** What programs printed by bpf_trace_printk. */
  readonly trace: string[];
  /** A fresh id; maps, programs and links count separately, as in the kernel. */
  readonly nextId: (kind: "map" | "program" | "link" | "device") => number;
}

/** A kernel that has only devices. */
export function createKernelState(options: MemoryOptions): KernelState {
  const counters = { map: 0, program: 0, link: 0, device: 0 };
  const state: KernelState = {
    pins: createPinTree(),
    devices: new Map(),
    maps: new Map(),
    programs: new Map(),
    cpus: options.cpus ?? 2,
    cpu: options.cpu ?? (() => 0),
    now: options.now ?? tickingClock(),
    random: options.random ?? fixedSequence(),
    trace: [],
    nextId: (kind) => ++counters[kind],
  };
  for (const name of ["lo", ...(options.devices ?? [])]) state.devices.set(name, createMemoryDevice(name, state.nextId("device"), true));
  return state;
}

/** The device of that name. Throws ENODEV when there is none. */
export function findDevice(state: KernelState, call: string, name: string): MemoryDevice {
  const device = state.devices.get(name);
  if (device === undefined) throw refusal(call, "ENODEV", `There is no device "${name}"`);
  return device;
}

function tickingClock(): () => bigint {
  let now = 1_000_000_000n;
  return () => {
    now += 1000n;
    return now;
  };
}

/** The linear congruential generator of Numerical Recipes: good enough to be different every time, the same in every run. */
function fixedSequence(): () => number {
  let seed = 1;
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed;
  };
}
