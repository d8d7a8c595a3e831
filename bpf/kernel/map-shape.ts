// SPDX-License-Identifier: Apache-2.0
import { libbpf } from "../libbpf-ffi/library.ts";
import type { MapInfo } from "./info.ts";

/** How a map's entries look to user space. */
export interface MapShape {
  readonly type: string;
  readonly keySize: number;
  /** Of one entry as it is read and written: all CPUs of a per-CPU map together. */
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** The shape of a map's entries. */
export function shapeOf({ type, keySize, valueSize, maxEntries }: MapInfo): MapShape {
  return { type, keySize, valueSize: isPerCpu(type) ? perCpuSize(valueSize) : valueSize, maxEntries };
}

/** Has no keys that could be listed: its contents pass through. */
export function isKeyless(type: string): boolean {
  return ["queue", "stack", "ringbuf", "user_ringbuf", "bloom_filter", "sk_storage", "inode_storage", "task_storage", "arena"].includes(
    type,
  );
}

/** All entries exist always; deleting one means writing zeros. */
export function isArray(type: string): boolean {
  return type === "array" || type === "percpu_array";
}

function isPerCpu(type: string): boolean {
  return type.includes("percpu");
}

function perCpuSize(valueSize: number): number {
  return Math.ceil(valueSize / 8) * 8 * libbpf().libbpf_num_possible_cpus();
}
