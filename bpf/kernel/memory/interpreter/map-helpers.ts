// SPDX-License-Identifier: Apache-2.0
import type { MapErrno, WriteFlag } from "../map-storage.ts";
import { holdsMaps, type MemoryMap, valueOfCpu } from "../memory-map.ts";
import { bytesRegion } from "./address-space.ts";
import { type CallBack, errno, type Helper } from "./helper.ts";
import { InterpreterError } from "./interpreter-error.ts";
import { bytesIn, type Machine, mapIn, setMapPointer, setPointer, setValuePointer } from "./machine.ts";
import { low, setHalves, setNumber } from "./registers.ts";

const writeFlags: readonly WriteFlag[] = ["any", "no-exist", "exist"];
/** BPF_F_LOCK: nothing runs beside us. */
const lockFlag = 4;

/** Helpers that are about map entries, by number. */
export const mapHelpers: Readonly<Record<number, Helper>> = {
  1: (machine) => lookup(machine, machine.kernel.cpu()),
  2: update,
  3: (machine) => {
    const map = mapIn(machine, 1);
    setNumber(machine.registers, 0, errnoOf(map.storage.remove(bytesIn(machine, 2, map.definition.keySize))));
  },
  164: forEachElement,
  195: (machine) => lookup(machine, low(machine.registers, 3)),
};

function lookup(machine: Machine, cpu: number): void {
  const map = mapIn(machine, 1);
  const stored = cpu < machine.kernel.cpus ? map.storage.find(bytesIn(machine, 2, map.definition.keySize)) : null;
  if (stored === null) return setHalves(machine.registers, 0, 0, 0);
  if (holdsMaps(map.definition.type)) return setInnerMap(machine, stored);
  setValuePointer(machine, 0, map, stored, cpu);
}

function setInnerMap(machine: Machine, stored: Uint8Array): void {
  const id = new DataView(stored.buffer, stored.byteOffset).getUint32(0, true);
  const inner = machine.kernel.maps.get(id);
  if (inner === undefined) throw new InterpreterError(`Cannot follow a map of maps: there is no map ${id}`);
  setMapPointer(machine, 0, inner);
}

function update(machine: Machine): void {
  const map = mapIn(machine, 1);
  const flag = writeFlags[low(machine.registers, 4) & ~lockFlag];
  const key = bytesIn(machine, 2, map.definition.keySize);
  const value = bytesIn(machine, 3, map.valueSize);
  setNumber(machine.registers, 0, flag === undefined ? errno.EINVAL : errnoOf(putForCpu(map, key, value, flag, machine.kernel.cpu())));
}

/** A program writes its own CPU's value; a new entry has zeros for the others. */
function putForCpu(map: MemoryMap, key: Uint8Array, value: Uint8Array, flag: WriteFlag, cpu: number): MapErrno {
  if (map.copies === 1) return map.storage.put(key, value, flag);
  const present = map.storage.exact(key);
  if (present !== null && flag !== "no-exist") {
    valueOfCpu(map, present, cpu).set(value);
    return null;
  }
  const stored = new Uint8Array(map.storedSize);
  valueOfCpu(map, stored, cpu).set(value);
  return map.storage.put(key, stored, flag);
}

/** bpf_for_each_map_elem: callback(map, key, value, context) until one returns 1; gives the number of calls. */
function forEachElement(machine: Machine, callBack: CallBack): void {
  const { registers } = machine;
  const map = mapIn(machine, 1);
  const fn = registers.whole[2] as bigint;
  const context = registers.whole[3] as bigint;
  let calls = 0;
  for (const [key, value] of [...map.storage.entries()]) {
    calls += 1;
    callBack(fn, () => {
      setMapPointer(machine, 1, map);
      setPointer(machine, 2, bytesRegion("map key", Uint8Array.from(key), false), 0);
      setValuePointer(machine, 3, map, value, machine.kernel.cpu());
      registers.whole[4] = context;
    });
    if (registers.whole[0] !== 0n) break;
  }
  setNumber(registers, 0, calls);
}

function errnoOf(name: MapErrno): number {
  return name === null ? 0 : errno[name];
}
