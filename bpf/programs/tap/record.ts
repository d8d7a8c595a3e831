// SPDX-License-Identifier: Apache-2.0

/** A packet as a tap copied it. */
export interface TapRecord {
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly time: bigint;
  /** Bytes of the whole frame, a tag that the device took off included. */
  readonly length: number;
  /** Its beginning, with that tag where it was. */
  readonly bytes: Uint8Array;
  readonly ifindex: number;
  /** null: the packet came by the tap; else it left the chain: by the step whose tag (stepTag) this is, or, for 0, at the end. */
  readonly step: number | null;
  /** Number of the rule that took it, from 0; null where no list did. */
  readonly rule: number | null;
  /** r0 of the chain, signed. */
  readonly verdict: number;
}

const headSize = 40;
const here = 0xffffffff;
const addressesSize = 12;

/** Reads struct record of tap.bpf.c; null for what is too short to be one. */
export function readTapRecord(record: Uint8Array): TapRecord | null {
  if (record.length < headSize) return null;
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const captured = Math.min(view.getUint32(12, true), record.length - headSize);
  const step = view.getUint32(20, true);
  const tagged = (view.getUint32(28, true) & 1) === 1;
  const bytes = record.slice(headSize, headSize + captured);
  return {
    time: view.getBigUint64(0, true),
    length: view.getUint32(8, true) + (tagged ? 4 : 0),
    // The type of the tag is in network order already.
    bytes: tagged ? withTag(bytes, record.subarray(34, 36), view.getUint16(32, true)) : bytes,
    ifindex: view.getUint32(16, true),
    step: step === here ? null : step,
    rule: view.getUint32(36, true) === 0 ? null : view.getUint32(36, true) - 1,
    verdict: view.getInt32(24, true),
  };
}

function withTag(frame: Uint8Array, type: Uint8Array, tci: number): Uint8Array {
  if (frame.length < addressesSize) return frame;
  const tag = Uint8Array.of(type[0] as number, type[1] as number, tci >> 8, tci & 255);
  return new Uint8Array(Buffer.concat([frame.subarray(0, addressesSize), tag, frame.subarray(addressesSize)]));
}
