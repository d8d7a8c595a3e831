// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import type { Entries } from "../../bpf/kernel/entries.ts";
import type { DesiredHook, DesiredMap, DesiredStep } from "../model/desired.ts";

/** sha256 over hooks in their order, without origins. Entries count as they are sorted; objects by their digests. */
export function desiredDigest(hooks: readonly DesiredHook[]): string {
  const known = new WeakMap<Entries, string>();
  const text = JSON.stringify(hooks.map((hook) => hookContent(hook, known)));
  return createHash("sha256").update(text).digest("hex");
}

function hookContent({ hook, mode, chain, end, counters, drift }: DesiredHook, known: WeakMap<Entries, string>): readonly unknown[] {
  return [hook.interface, hook.kind, mode, end, counters, drift, chain.map((step) => stepContent(step, known))];
}

function stepContent(step: DesiredStep, known: WeakMap<Entries, string>): readonly unknown[] {
  const globals = Object.entries(step.globals).map(([name, content]) => [name, base64(content)]);
  const maps = step.maps.map((map) => mapContent(map, known));
  return [step.name, step.uses, step.object, step.function, globals, step.continueOn, maps];
}

function mapContent(map: DesiredMap, known: WeakMap<Entries, string>): readonly unknown[] {
  const initial = map.initial === null ? null : base64(map.initial);
  return [map.name, map.kernelName, map.incarnation, map.content, entriesDigest(map.entries, known), initial];
}

/** A million entries shared by a thousand steps are read once. */
function entriesDigest(entries: Entries, known: WeakMap<Entries, string>): string {
  if (entries.count === 0) return "";
  const found = known.get(entries) ?? createHash("sha256").update(entries.keys).update(entries.values).digest("hex");
  known.set(entries, found);
  return found;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
