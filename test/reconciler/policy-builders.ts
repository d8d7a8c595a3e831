// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { packEntries } from "../../bpf/kernel/entries.ts";
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { MapDefinition, ObjectSpec } from "../../bpf/object/spec.ts";
import type { Desired, DesiredHook, DesiredMap, DesiredStep } from "../../reconciler/model/desired.ts";
import type { MapLayout, Migrate } from "../../reconciler/model/map-layout.ts";
import type { Revision } from "../../reconciler/model/snapshot.ts";

/** Builders of what 2-desired would render, for tests of the phases behind it. Objects are JSON of their maps instead of ELF. */

export const revision: Revision = { name: "dir:test", commit: null, author: null, subject: null, committed: null };

export interface MapParts {
  readonly name: string;
  readonly type?: string;
  readonly content?: DesiredMap["content"];
  /** One byte of key, one byte of value. */
  readonly entries?: readonly (readonly [number, number])[];
  readonly incarnation?: string;
  readonly layout?: Partial<MapLayout>;
  readonly migrate?: Migrate;
}

export function desiredMap({
  name,
  type = "hash",
  content = "none",
  entries = [],
  incarnation = "0a",
  layout,
  migrate,
}: MapParts): DesiredMap {
  const keySize = type === "array" ? 4 : 1;
  const shape = { type: layout?.type ?? type, keySize, valueSize: layout?.valueSize ?? 1 };
  const definition: MapDefinition = { ...shape, maxEntries: 64, flags: 0, btfKey: 0, btfValue: 0, inner: null };
  const sorted = [...entries].sort(([a], [b]) => a - b);
  const pairs = sorted.map(([key, value]) => [keyBytes(key, keySize), Uint8Array.of(value)] as const);
  return {
    name,
    kernelName: `sl_${name}`.slice(0, 15),
    definition,
    incarnation,
    content,
    entries: packEntries(pairs, keySize, 1),
    initial: null,
    origin: { file: "interfaces/eth0.yaml", line: 9, column: 5 },
    entryOrigins: null,
    print: null,
    ...(layout === undefined ? {} : { layout: { type, keySize, valueSize: 1, maxEntries: 64, key: "", fields: [], ...layout } }),
    ...(migrate === undefined ? {} : { migrate }),
  };
}

export function keyBytes(key: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes[0] = key;
  return bytes;
}

export function desiredStep(
  name: string,
  options: { maps?: readonly MapParts[]; object?: string; continueOn?: readonly number[]; line?: number; frags?: boolean } = {},
): DesiredStep {
  const maps = (options.maps ?? []).map(desiredMap);
  return {
    name,
    uses: name,
    object: objectDigest(options.object ?? name),
    function: "filter",
    globals: {},
    maps,
    reasons: null,
    continueOn: options.continueOn ?? [2],
    frags: options.frags ?? true,
    origin: { file: "interfaces/eth0.yaml", line: options.line ?? 4, column: 5 },
  };
}

export function desiredHook(
  device: string,
  kind: HookKind,
  chain: readonly DesiredStep[],
  options: Partial<DesiredHook> = {},
): DesiredHook {
  return {
    hook: { interface: device, kind },
    mode: "native",
    chain,
    end: 2,
    counters: true,
    drift: "alert",
    origin: { file: `interfaces/${device}.yaml`, line: 2, column: 1 },
    ...options,
  };
}

export function desiredOf(hooks: readonly DesiredHook[]): Desired {
  const objects: Record<string, Uint8Array> = {};
  for (const { chain } of hooks) for (const step of chain) objects[step.object] = Buffer.from(step.object);
  const digest = createHash("sha256").update(JSON.stringify(hooks)).digest("hex");
  return { revision, digest, hooks, objects };
}

/** What libbpf would say of the objects above: nothing that matters to the executor. */
export function openFakeObject(elf: Uint8Array): ObjectSpec {
  return { digest: Buffer.from(elf).toString(), license: "GPL", programs: [], maps: [], btf: null };
}

function objectDigest(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}
