// SPDX-License-Identifier: Apache-2.0
import { type BytesRegion, bytesRegion } from "./address-space.ts";
import { errno, type Helper } from "./helper.ts";
import { InterpreterError } from "./interpreter-error.ts";
import { bytesIn, checkContext, type Machine, mapIn, setPointer } from "./machine.ts";
import { packetBytes } from "./packet.ts";
import { high, low, setHalves, setNumber } from "./registers.ts";

/** Helpers that send records to user space: ring buffers and perf events, by number. Both only collect: nobody reads, nothing is full. */
export const recordHelpers: Readonly<Record<number, Helper>> = {
  25: perfEvent,
  130: (machine) => {
    collect(machine, mapIn(machine, 1).records, bytesIn(machine, 2, low(machine.registers, 3)));
  },
  131: (machine) => {
    const map = mapIn(machine, 1);
    const region = bytesRegion("record", new Uint8Array(low(machine.registers, 2)), true);
    machine.reserved.set(region, map);
    setPointer(machine, 0, region, 0);
  },
  132: (machine) => finish(machine, true),
  133: (machine) => finish(machine, false),
  134: (machine) => setHalves(machine.registers, 0, low(machine.registers, 2) === 1 ? mapIn(machine, 1).definition.maxEntries : 0, 0),
};

/** bpf_perf_event_output: the record, then as much of the packet as the upper half of the flags says. */
function perfEvent(machine: Machine): void {
  checkContext(machine, 1);
  const record = bytesIn(machine, 4, low(machine.registers, 5));
  const wanted = high(machine.registers, 3) & 0xfffff;
  const packet = packetBytes(machine.context.packet);
  if (wanted > packet.length) return setNumber(machine.registers, 0, errno.EFAULT);
  collect(machine, mapIn(machine, 2).records, Buffer.concat([record, packet.subarray(0, wanted)]));
}

function collect(machine: Machine, records: Uint8Array[] | null, record: Uint8Array): void {
  if (records === null) throw new InterpreterError("Cannot send a record: the map is no ring buffer");
  records.push(Uint8Array.from(record));
  setNumber(machine.registers, 0, 0);
}

/** bpf_ringbuf_submit and bpf_ringbuf_discard; they return nothing. */
function finish(machine: Machine, submit: boolean): void {
  const region = machine.space.region(high(machine.registers, 1)) as BytesRegion;
  const map = machine.reserved.get(region);
  if (map === undefined) throw new InterpreterError("Cannot submit a record that is not reserved");
  machine.reserved.delete(region);
  if (submit) collect(machine, map.records, new Uint8Array(region.view.buffer));
}
