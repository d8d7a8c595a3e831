// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { Reasons } from "../../bpf/programs/library-program.ts";
import type { GenerationStep } from "../model/generation.ts";

/** Packets by cell, over all CPUs; empty where the step counts no reasons. */
export async function readReasons(kernel: Kernel, step: GenerationStep, reasons: Reasons | null): Promise<readonly bigint[]> {
  const pin = reasons === null ? undefined : step.maps.find(({ name }) => name === reasons.map)?.pin;
  if (reasons === null || pin === undefined) return [];
  const { keys, values, valueSize, count } = await kernel.readMap(pin);
  const [keyView, view] = [viewOf(keys), viewOf(values)];
  const rows = new Map(Array.from({ length: count }, (_, row) => [keyView.getUint32(row * 4, true), row * valueSize]));
  return reasons.cells.map(({ key, offset }) => {
    const start = rows.get(key);
    if (start === undefined) return 0n;
    let sum = 0n;
    for (let cpu = 0; cpu < valueSize; cpu += reasons.valueSize) sum += view.getBigUint64(start + cpu + offset, true);
    return sum;
  });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
