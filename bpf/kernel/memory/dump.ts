// SPDX-License-Identifier: Apache-2.0
import { type Entries, entryAt } from "../entries.ts";
import type { HookKind } from "../kernel.ts";
import type { KernelState } from "./kernel-state.ts";
import type { MemoryAttachment } from "./memory-device.ts";
import type { MemoryMap } from "./memory-map.ts";
import type { MemoryProgram } from "./memory-program.ts";
import type { Pinned } from "./pin-tree.ts";

/**
 * The whole state as text. Ids and ifindexes are left out: they differ between two hosts, and between before and after a change that
 * was undone, where everything that matters is the same.
 *
 *     device eth0
 *       xdp: link at /sys/fs/bpf/s/link, native, program at /sys/fs/bpf/s/program
 *     pin /sys/fs/bpf/s/map: hash "sl_allow", key 4, value 8, 16 entries at most
 *       0a000001 = 0100000000000000
 */
export function dumpState(state: KernelState, read: (map: MemoryMap) => Entries): string {
  const pins = state.pins.below("");
  const pathOf = (object: Pinned) => pins.find(([, pinned]) => pinned === object)?.[0] ?? null;
  const lines: string[] = [];
  for (const device of state.devices.values()) {
    lines.push(`device ${device.name}${device.native ? "" : ", generic XDP only"}`);
    for (const hook of hookKinds) {
      for (const attachment of device.hooks[hook]) lines.push(`  ${hook}: ${describeAttachment(attachment, pathOf)}`);
    }
  }
  for (const [path, pinned] of pins) lines.push(`pin ${path}: ${describePinned(pinned, pathOf)}`, ...dumpEntries(pinned, read));
  return `${lines.join("\n")}\n`;
}

const hookKinds: readonly HookKind[] = ["xdp", "tc-ingress", "tc-egress"];

type PathOf = (object: Pinned) => string | null;

function describeAttachment({ program, link, mode }: MemoryAttachment, pathOf: PathOf): string {
  const path = link === null ? null : pathOf(link);
  const holder = path === null ? "somebody else's" : `link at ${path}`;
  return `${holder}, ${mode === null ? "" : `${mode}, `}${describeProgram(program, pathOf)}`;
}

function describeProgram(program: MemoryProgram, pathOf: PathOf): string {
  const path = pathOf(program);
  return path === null ? `program "${program.name}" ${program.tag}` : `program at ${path}`;
}

function describePinned(pinned: Pinned, pathOf: PathOf): string {
  switch (pinned.kind) {
    case "link":
      return `${pinned.device === null ? "dead link" : `link on ${pinned.device.name}`} ${pinned.hook}, ${describeProgram(pinned.program, pathOf)}`;
    case "program": {
      const maps = [...pinned.maps].map(([name, map]) => `${name} ${pathOf(map) ?? "constant"}`).sort();
      return `program "${pinned.name}" ${pinned.tag}, ${pinned.hook}, maps: ${maps.join(", ") || "none"}`;
    }
    case "map": {
      const { type, keySize, valueSize, maxEntries } = pinned.definition;
      return `${pinned.frozen ? "frozen " : ""}${type} "${pinned.name}", key ${keySize}, value ${valueSize}, ${maxEntries} entries at most`;
    }
  }
}

/** Entries that are all zero in an array are left out: they are there from the start. */
function dumpEntries(pinned: Pinned, read: (map: MemoryMap) => Entries): string[] {
  if (pinned.kind !== "map") return [];
  if (pinned.records !== null) return pinned.records.map((record) => `  record ${hex(record)}`);
  const entries = read(pinned);
  const isArray = pinned.definition.type.endsWith("array");
  return Array.from({ length: entries.count }, (_, index) => entryAt(entries, index))
    .filter(([, value]) => !isArray || value.some((byte) => byte !== 0))
    .map(([key, value]) => `  ${hex(key)} = ${hex(value)}`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
