// SPDX-License-Identifier: Apache-2.0
import type { MapPin } from "../../bpf/kernel/kernel.ts";
import type { MapDefinition } from "../../bpf/object/spec.ts";

/**
 * Whether what is pinned where a map of ours belongs can be that map: somebody may have pinned another one there, or frozen ours, which
 * nobody can write to again (`isWritten`: somebody has to).
 */
export function servesAs(pin: MapPin, { type, keySize, valueSize, maxEntries }: MapDefinition, isWritten: boolean): boolean {
  if (isWritten && pin.frozen === true) return false;
  // A perf_event_array may leave its size to the number of processors.
  const isAsLarge = maxEntries === 0 || pin.maxEntries === maxEntries;
  return pin.type === type && pin.keySize === keySize && pin.valueSize === valueSize && isAsLarge;
}
