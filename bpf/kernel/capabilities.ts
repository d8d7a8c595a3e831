// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";

/** Those that anything here asks about, by their names in setpriv(1), and their numbers in capability.h. */
const numbers = { dac_override: 1, net_admin: 12, net_raw: 13, sys_admin: 21, perfmon: 38, bpf: 39 } as const;

export type Capability = keyof typeof numbers;

/** What this process may do, or the one that a status of /proc is about. None where it does not say. */
export function effectiveCapabilities(status = ownStatus()): ReadonlySet<Capability> {
  const bits = bitsOf("CapEff", status);
  const names = Object.keys(numbers) as Capability[];
  return new Set(names.filter((name) => ((bits >> BigInt(numbers[name])) & 1n) === 1n));
}

/** The numbers of those that programs get which this process starts, also where they are nobody's above. */
export function ambientCapabilities(status = ownStatus()): readonly number[] {
  const bits = bitsOf("CapAmb", status);
  return Array.from({ length: 64 }, (_, number) => number).filter((number) => ((bits >> BigInt(number)) & 1n) === 1n);
}

function bitsOf(set: "CapEff" | "CapAmb", status: string): bigint {
  return BigInt(`0x${new RegExp(`^${set}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
}

function ownStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
