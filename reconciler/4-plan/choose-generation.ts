// SPDX-License-Identifier: Apache-2.0
import type { CompiledMatch } from "../../bpf/match/compile-match.ts";
import type { DesiredHook, DesiredRule } from "../model/desired.ts";
import type { Generation, GenerationMatch, GenerationRule, GenerationStep } from "../model/generation.ts";
import type { ObservedGeneration, ObservedHook } from "../model/observed.ts";
import { mapPin, type PinLayout } from "../model/pins.ts";
import { assignRows } from "./assign-rows.ts";
import { digestGeneration } from "./digest-generation.ts";

/** A generation that does what the policy says: one that is pinned already, or one to load. */
export interface ChosenGeneration {
  readonly generation: Generation;
  readonly isPinned: boolean;
}

/** Prefers the one that runs, then any intact one: a revert finds its generation still pinned and loads nothing. */
export function chooseGeneration(layout: PinLayout, desired: DesiredHook, observed: ObservedHook, version: string): ChosenGeneration {
  const digest = digestGeneration(layout, desired);
  const fitting = observed.generations.filter((found) => found.intact && found.manifest?.digest === digest);
  const pinned = fitting.find((found) => found.running) ?? fitting[0];
  if (pinned?.manifest) return { generation: pinned.manifest, isPinned: true };
  return { generation: newGeneration(layout, desired, observed, version, digest), isPinned: false };
}

function newGeneration(layout: PinLayout, desired: DesiredHook, observed: ObservedHook, version: string, digest: string): Generation {
  const names = desired.chain.map((step) => step.name);
  const assigned = desired.counters ? assignRows(layout, observed, names) : null;
  return {
    format: 1,
    sluice: version,
    id: freeId(digest.slice(0, 16), observed.generations),
    digest,
    hook: desired.hook,
    end: desired.end,
    counters: assigned?.counters ?? null,
    steps: desired.chain.map(
      (step): GenerationStep => ({
        name: step.name,
        uses: step.uses,
        ...(step.match === undefined ? {} : { match: generationMatch(step.match) }),
        ...(step.rules === undefined ? {} : { rules: step.rules.map(generationRule) }),
        ...(step.verdict === undefined ? {} : { verdict: step.verdict }),
        object: step.object,
        function: step.function,
        globals: sortedBase64(step.globals),
        ...(step.watch === undefined ? {} : { watch: step.watch }),
        continueOn: step.continueOn,
        maps: step.maps.map((map) => ({
          name: map.name,
          pin: mapPin(layout, desired.hook, step.name, map.name, map.incarnation),
          content: map.content,
          ...(map.layout === undefined ? {} : { layout: map.layout }),
          ...(map.programs === undefined ? {} : { programs: map.programs }),
        })),
        slot: assigned?.rows.get(step.name) ?? -1,
      }),
    ),
  };
}

function generationMatch({ expression, libpcap, code, digest }: CompiledMatch): GenerationMatch {
  return { expression, libpcap, digest, code: Buffer.from(code).toString("base64") };
}

function generationRule({ match, goesOn }: DesiredRule): GenerationRule {
  return { ...generationMatch(match), goesOn };
}

function freeId(start: string, taken: readonly ObservedGeneration[]): string {
  let id = start;
  for (let attempt = 1; taken.some((generation) => generation.id === id); attempt += 1) id = `${start}-${attempt}`;
  return id;
}

function sortedBase64(globals: Readonly<Record<string, Uint8Array>>): Record<string, string> {
  const names = Object.keys(globals).sort();
  return Object.fromEntries(names.map((name) => [name, Buffer.from(globals[name] as Uint8Array).toString("base64")]));
}
