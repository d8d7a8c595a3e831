// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { packEntries } from "../../bpf/kernel/entries.ts";
import type { Device } from "../../bpf/kernel/kernel.ts";
import type { DesiredHook, DesiredMap, DeviceSlot, ProgramSlot } from "../model/desired.ts";
import { printOrigin } from "../model/origin.ts";
import type { Warning } from "../model/plan.ts";

export interface ResolvedDevices {
  /** The same hook; maps that lead to devices hold the numbers that these have now. */
  readonly desired: DesiredHook;
  /** Devices that are not there. */
  readonly warnings: readonly Warning[];
}

/** Puts the numbers of network devices into the maps that name them. One that does not exist has no key until it appears. */
export function resolveDevices(desired: DesiredHook, devices: readonly Device[]): ResolvedDevices {
  if (!desired.chain.some((step) => step.maps.some((map) => map.devices !== undefined))) return { desired, warnings: [] };
  const numbers = new Map(devices.map(({ name, ifindex }) => [name, ifindex]));
  const warnings: Warning[] = [];
  const chain = desired.chain.map((step) => ({
    ...step,
    maps: step.maps.map((map) => {
      for (const slot of map.devices ?? []) if (!numbers.has(slot.device)) warnings.push(missing(desired, step.name, map, slot));
      return map.devices === undefined ? map : resolveMap(map, map.devices, numbers);
    }),
  }));
  return { desired: { ...desired, chain }, warnings };
}

function resolveMap(map: DesiredMap, slots: readonly DeviceSlot[], numbers: ReadonlyMap<string, number>): DesiredMap {
  if (map.programs !== undefined) return resolvePrograms(map, map.programs, slots, numbers);
  const { keySize, valueSize } = map.definition;
  const there = slots.flatMap((slot) => {
    const ifindex = numbers.get(slot.device);
    return ifindex === undefined ? [] : [{ slot, key: word(slot.key, keySize), value: word(ifindex, valueSize) }];
  });
  there.sort((a, b) => Buffer.compare(a.key, b.key));
  return {
    ...map,
    entries: packEntries(
      there.map(({ key, value }) => [key, value] as const),
      keySize,
      valueSize,
    ),
    entryOrigins: there.map(({ slot }) => slot.origin),
    print: { kind: "device", names: Object.fromEntries([...numbers].map(([name, ifindex]) => [ifindex, name])) },
  };
}

/** A map that is filled with programs is filled once: other devices, another map. */
function resolvePrograms(
  map: DesiredMap,
  programs: readonly ProgramSlot[],
  slots: readonly DeviceSlot[],
  numbers: ReadonlyMap<string, number>,
): DesiredMap {
  const devices = new Map(slots.map(({ key, device }) => [key, numbers.get(device)]));
  const there = programs.flatMap((slot) => {
    const first = devices.get(slot.index);
    return first === undefined ? [] : [{ ...slot, first }];
  });
  const text = JSON.stringify([map.incarnation, there.map(({ index, first }) => [index, first])]);
  return { ...map, programs: there, incarnation: createHash("sha256").update(text).digest("hex").slice(0, 16) };
}

/** A 32-bit number; behind it zeros: struct bpf_devmap_val without a program. */
function word(number: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, number, true);
  return bytes;
}

function missing({ hook }: DesiredHook, step: string, map: DesiredMap, { key, device, origin }: DeviceSlot): Warning {
  const message = `Key ${key} of ${step}/${map.name} stays empty until the interface "${device}" exists (${printOrigin(origin)})`;
  return { hook, code: "device-missing", message };
}
