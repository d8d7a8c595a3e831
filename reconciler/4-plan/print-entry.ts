// SPDX-License-Identifier: Apache-2.0
import { printValue } from "../../bpf/btf/print.ts";
import { printAddress, printCidr, printHex } from "../../bpf/btf/print-address.ts";
import { readBtf } from "../../bpf/btf/read.ts";
import type { Btf } from "../../bpf/btf/types.ts";
import type { RulePrinter } from "../../bpf/programs/library-program.ts";
import type { DesiredMap } from "../model/desired.ts";

export interface EntryWords {
  key(bytes: Uint8Array): string;
  value(bytes: Uint8Array): string;
}

/** How the keys and values of a map are printed: addresses of a set, or by the types that the object's BTF gives them, or as bytes. */
export function entryWords(map: DesiredMap, btf: Uint8Array | null): EntryWords {
  const words = plainWords(map, btf);
  return map.sensitive === true ? { ...words, value: () => "(sensitive)" } : words;
}

function plainWords(map: DesiredMap, btf: Uint8Array | null): EntryWords {
  if (map.print?.kind === "cidr") return { key: printCidr, value: noWords };
  if (map.print?.kind === "address") return { key: printAddress, value: noWords };
  if (map.print?.kind === "device") return { key: printNumber, value: deviceWords(map.print.names) };
  if (map.print?.kind === "rule") return ruleWords(map.print);
  const types = map.print === null || btf === null ? null : readBtf(btf);
  return { key: printer(types, map.definition.btfKey), value: printer(types, map.definition.btfValue) };
}

/** What stands beside a set's member is for the program only. */
const noWords = () => "";

/** Keys and values of a devmap begin with a 32-bit number. */
function printNumber(bytes: Uint8Array): string {
  return String(Buffer.from(bytes).readUInt32LE(0));
}

function deviceWords(names: Readonly<Record<number, string>>): (bytes: Uint8Array) => string {
  return (bytes) => names[Number(printNumber(bytes))] ?? `device ${printNumber(bytes)}`;
}

const forEver = 0xffffffffffffffffn;

function ruleWords({ names, actions }: RulePrinter): EntryWords {
  return {
    key: (bytes) => names[Number(printNumber(bytes))] ?? printNumber(bytes),
    value(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const [until, action] = [view.getBigUint64(0, true), view.getInt32(8, true)];
      const does = actions[action] ?? String(action);
      if (until === 0n) return "off";
      return until === forEver ? does : `${does} until ${printTime(until)}`;
    },
  };
}

/** Whoever wrote it may have written a time that no calendar has. */
function printTime(nanoseconds: bigint): string {
  const time = new Date(Number(nanoseconds / 1_000_000n));
  return Number.isNaN(time.getTime()) ? `${nanoseconds} ns` : time.toISOString().replace(".000Z", "Z");
}

function printer(btf: Btf | null, type: number): (bytes: Uint8Array) => string {
  return btf === null || type === 0 ? printHex : (bytes) => printValue(btf, type, bytes);
}
