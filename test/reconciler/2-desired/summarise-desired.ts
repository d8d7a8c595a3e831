// SPDX-License-Identifier: Apache-2.0
import { verdictName } from "../../../bpf/chain/verdict.ts";
import { type Entries, entryAt } from "../../../bpf/kernel/entries.ts";
import type { Desired, DesiredHook, DesiredMap, DesiredStep } from "../../../reconciler/model/desired.ts";
import { hookName } from "../../../reconciler/model/hook.ts";
import { printOrigin } from "../../../reconciler/model/origin.ts";

/** A desired state as plain JSON for people, without anything that depends on the version of clang. */
export function summariseDesired(desired: Desired): unknown {
  return Object.fromEntries(desired.hooks.map((hook) => [hookName(hook.hook), summariseHook(hook)]));
}

function summariseHook({ hook, mode, chain, end, counters, drift, origin }: DesiredHook): unknown {
  const steps = chain.map((step) => summariseStep(step, hook.kind));
  return { mode, end: verdictName(hook.kind, end), counters, drift, origin: printOrigin(origin), chain: steps };
}

function summariseStep(step: DesiredStep, hook: DesiredHook["hook"]["kind"]): unknown {
  return {
    name: step.name,
    uses: step.uses,
    function: step.function,
    continueOn: step.continueOn.map((verdict) => verdictName(hook, verdict)),
    origin: printOrigin(step.origin),
    globals: Object.fromEntries(Object.entries(step.globals).map(([name, content]) => [name, isOwn(step) ? hex(content) : "set"])),
    maps: Object.fromEntries(step.maps.map((map) => [map.name, summariseMap(map, isOwn(step))])),
  };
}

/** How the library's filters encode their settings has tests of its own. */
function isOwn(step: DesiredStep): boolean {
  return step.uses.startsWith("./");
}

function summariseMap(map: DesiredMap, withValues: boolean): unknown {
  const { kernelName, definition, content, entries, initial, origin, entryOrigins, print } = map;
  return {
    kernelName,
    type: `${definition.type}[${definition.maxEntries}] ${definition.keySize} -> ${definition.valueSize}`,
    content,
    origin: printOrigin(origin),
    ...(initial === null ? {} : { initial: hex(initial) }),
    ...(print === null ? {} : { print: print.kind }),
    ...(content === "none" ? {} : { entries: printEntries(entries, withValues) }),
    ...(entryOrigins === null ? {} : { entryOrigins: entryOrigins.map(printOrigin) }),
  };
}

function printEntries(entries: Entries, withValues: boolean): readonly string[] | string {
  if (entries.count > 10) return `${entries.count} entries`;
  const pairs = Array.from({ length: entries.count }, (_, index) => entryAt(entries, index).map(hex));
  return pairs.map(([key = "", value = ""]) => (withValues ? `${key} = ${value}` : key));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
