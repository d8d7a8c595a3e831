// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import type { DesiredHook, DesiredMap, DesiredStep } from "../model/desired.ts";

/** What steps share is worked out once, however many there are: a million entries, the contents of global variables. */
type Known = WeakMap<object, unknown>;

/** sha256 over hooks in their order, without origins. Entries count as they are sorted; objects by their digests. */
export function desiredDigest(hooks: readonly DesiredHook[]): string {
  const known: Known = new WeakMap();
  const text = JSON.stringify(hooks.map((hook) => hookContent(hook, known)));
  return createHash("sha256").update(text).digest("hex");
}

function hookContent({ hook, mode, chain, end, counters, drift }: DesiredHook, known: Known): readonly unknown[] {
  return [hook.interface, hook.kind, mode, end, counters, drift, chain.map((step) => stepContent(step, known))];
}

function stepContent(step: DesiredStep, known: Known): readonly unknown[] {
  const globals = once(known, step.globals, () => Object.entries(step.globals).map(([name, content]) => [name, digestOf(content)]));
  const maps = step.maps.map((map) => mapContent(map, known));
  const watch = step.watch === undefined ? [] : [step.watch];
  const own = [step.name, step.uses, step.object, step.function, globals, step.continueOn, maps, ...watch];
  const rules = step.rules?.map(({ match, goesOn }) => [match.digest, goesOn]);
  return [...own, ...(rules === undefined ? [] : [rules]), ...(step.match === undefined ? [] : [step.match.digest, step.verdict ?? null])];
}

function mapContent(map: DesiredMap, known: Known): readonly unknown[] {
  const { entries, initial, devices, migrate } = map;
  const contents = entries.count === 0 ? "" : once(known, entries, () => digestOf(entries.keys, entries.values));
  const first = initial === null ? null : once(known, initial, () => digestOf(initial));
  return [
    map.name,
    map.kernelName,
    map.incarnation,
    map.content,
    contents,
    first,
    ...(migrate === undefined ? [] : [migrate]),
    ...(devices === undefined ? [] : [devices.map(({ key, device }) => [key, device])]),
  ];
}

function once<T>(known: Known, key: object, work: () => T): T {
  const found = known.get(key) ?? work();
  known.set(key, found);
  return found as T;
}

function digestOf(...parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
