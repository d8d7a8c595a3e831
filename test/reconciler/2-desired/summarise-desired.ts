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
  const { name, uses, continueOn, origin } = step;
  const verdicts = continueOn.map((verdict) => verdictName(hook, verdict));
  const content = step.verdict !== undefined ? {} : step.uses.startsWith("./") ? summariseOwn(step) : summariseFilter(step);
  const rules = step.rules === undefined ? {} : { rules: step.rules.map(({ match }) => match.expression) };
  const match = step.match === undefined ? {} : { match: step.match.expression, classicInstructions: step.match.code.length / 8 };
  const verdict = step.verdict === undefined ? {} : { verdict: verdictName(hook, step.verdict) };
  return {
    name,
    uses,
    ...match,
    ...rules,
    ...verdict,
    function: step.function,
    continueOn: verdicts,
    origin: printOrigin(origin),
    ...content,
  };
}

function summariseOwn(step: DesiredStep): object {
  return {
    globals: Object.fromEntries(Object.entries(step.globals).map(([name, content]) => [name, hex(content)])),
    maps: Object.fromEntries(step.maps.map((map) => [map.name, summariseMap(map)])),
  };
}

/** How the library's filters lay out their maps is theirs, and has tests of its own: only the size of their sets shows. */
function summariseFilter(step: DesiredStep): object {
  const sets = step.maps.filter(({ content, definition }) => content === "whole" && /hash|lpm_trie/.test(definition.type));
  return { entriesInSets: sets.reduce((sum, { entries }) => sum + entries.count, 0) };
}

function summariseMap(map: DesiredMap): object {
  const { kernelName, definition, content, entries, initial, origin, entryOrigins, print, programs, devices } = map;
  return {
    kernelName,
    type: `${definition.type}[${definition.maxEntries}] ${definition.keySize} -> ${definition.valueSize}`,
    content,
    origin: printOrigin(origin),
    ...(initial === null ? {} : { initial: hex(initial) }),
    ...(print === null ? {} : { print: print.kind }),
    ...(programs === undefined ? {} : { programs: programs.map(({ index, function: name }) => `${index} = ${name}`) }),
    ...(devices === undefined ? {} : { devices: devices.map(({ key, device }) => `${key} = ${device}`) }),
    ...(content === "none" || devices !== undefined ? {} : { entries: printEntries(entries) }),
    ...(entryOrigins === null ? {} : { entryOrigins: entryOrigins.map(printOrigin) }),
  };
}

function printEntries(entries: Entries): readonly string[] {
  return Array.from({ length: entries.count }, (_, index) => entryAt(entries, index).map(hex).join(" = "));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
