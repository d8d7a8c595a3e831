// SPDX-License-Identifier: Apache-2.0
import { dirname } from "node:path";
import type { LinkedStep, LinkMode } from "../bpf/chain/linked-chain.ts";
import { verdictName } from "../bpf/chain/verdict.ts";
import type { AttachedProgram, HookKind, LinkPin, ProgramPin, XdpMode } from "../bpf/kernel/kernel.ts";
import { type CountersMap, countVerdicts, type VerdictCount } from "./3-observed/count-verdicts.ts";
import type { GenerationMatch, Manifest, ShownMatch } from "./model/generation.ts";
import type { ObservedGeneration, ObservedHook } from "./model/observed.ts";
import { hookDirectory, type PinLayout, segmentPin } from "./model/pins.ts";

/** A hook as `sluice inspect` shows it; plain JSON but for the packets, which are bigint. */
export interface InspectedHook {
  readonly interface: string;
  readonly kind: HookKind;
  /** Where its pins are. */
  readonly directory: string;
  readonly mode: XdpMode | null;
  /** What runs; null when nothing of ours does. */
  readonly generation: string | null;
  /** Generations that are pinned and do not run. */
  readonly idle: readonly string[];
  readonly program: InspectedProgram | null;
  readonly link: Pick<LinkPin, "id" | "path"> | null;
  readonly instructions: number | null;
  /** The programs that a chain was cut into; null when it is one. */
  readonly split: InspectedSplit | null;
  /** What a packet gets that every step let through. */
  readonly end: string | null;
  readonly steps: readonly InspectedStep[];
  readonly maps: readonly InspectedMap[];
  readonly foreign: readonly AttachedProgram[];
  /** Why what runs cannot be trusted, in a sentence; null when it can. */
  readonly broken: string | null;
}

/** A program with what the kernel knows of it; `verified` are the instructions that the verifier walked through. */
export type InspectedProgram = Pick<ProgramPin, "id" | "name" | "tag" | "path" | "verified">;

export interface InspectedSplit {
  readonly reason: string;
  /** In the order in which packets meet them. */
  readonly segments: readonly InspectedSegment[];
}

export interface InspectedSegment {
  /** null when it is not pinned any more. */
  readonly program: InspectedProgram | null;
  readonly instructions: number;
  readonly steps: readonly string[];
}

export interface InspectedStep {
  readonly name: string;
  readonly uses: string;
  readonly function: string;
  /** The packets that it is for; null when it is for all. */
  readonly match: InspectedMatch | null;
  /** Of a step without a program: what becomes of the packets that match. */
  readonly verdict: string | null;
  /** Verdicts after which the next step runs. */
  readonly continue: readonly string[];
  readonly link: InspectedLink | null;
  /** null when the chain does not count. */
  readonly counts: readonly VerdictCount[] | null;
}

export interface InspectedLink {
  readonly mode: LinkMode;
  readonly reason: string | null;
  readonly instructions: number;
  /** Global functions of the object that are static in the chain. */
  readonly madeStatic: readonly string[];
}

export interface InspectedMatch extends ShownMatch {
  /** What it was translated to; null when that is not known. */
  readonly instructions: number | null;
}

export interface InspectedMap {
  readonly id: number;
  /** null for the counters. */
  readonly step: string | null;
  readonly map: string;
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** policy: Sluice writes it; state: the programs do. */
  readonly content: "policy" | "state" | "counters";
  /** The generation that runs uses it. */
  readonly inUse: boolean;
  readonly pin: string;
}

/** Puts together what the kernel says of one hook. `counters` are the hook's counters maps, by pin. Pure. */
export function inspectHook(layout: PinLayout, hook: ObservedHook, counters: ReadonlyMap<string, CountersMap>): InspectedHook {
  const running = hook.generations.find((generation) => generation.running);
  const manifest = running?.manifest ?? null;
  const family = hook.counters.filter((map) => map.family === manifest?.counters?.family).map((map) => counters.get(map.pin.path));
  const counted = family.filter((map) => map !== undefined);
  return {
    interface: hook.hook.interface,
    kind: hook.hook.kind,
    directory: hookDirectory(layout, hook.hook),
    mode: hook.mode,
    generation: running?.id ?? null,
    idle: hook.generations.filter((generation) => !generation.running).map((generation) => generation.id),
    program: running?.program == null ? null : pick(running.program),
    link: hook.link === null ? null : { id: hook.link.id, path: hook.link.path },
    instructions: manifest?.linked.instructions ?? null,
    split: running === undefined ? null : inspectSplit(running),
    end: manifest === null ? null : verdictName(hook.hook.kind, manifest.end),
    steps: manifest === null ? [] : inspectSteps(manifest, counted),
    maps: inspectMaps(hook, manifest),
    foreign: hook.foreign,
    broken: fault(hook, running),
  };
}

/** Pins say which segment they are, so that one that is missing does not move the others. */
function inspectSplit({ manifest, program, behind }: ObservedGeneration): InspectedSplit | null {
  const split = manifest?.linked.split;
  if (split === undefined || program === null) return null;
  const pinned = new Map([program, ...behind].map((each) => [each.path, pick(each)]));
  const directory = dirname(program.path);
  const segments = split.segments.map(({ steps, instructions }, number) => ({
    program: pinned.get(segmentPin(directory, number)) ?? null,
    instructions,
    steps,
  }));
  return { reason: split.reason, segments };
}

function inspectSteps(manifest: Manifest, counters: readonly CountersMap[]): readonly InspectedStep[] {
  const { kind } = manifest.hook;
  return manifest.steps.map((step) => {
    const linked = manifest.linked.steps.find(({ name }) => name === step.name);
    return {
      name: step.name,
      uses: step.uses,
      function: step.function,
      match: step.match === undefined ? null : inspectMatch(step.match, linked),
      verdict: step.verdict === undefined ? null : verdictName(kind, step.verdict),
      continue: step.continueOn.map((verdict) => verdictName(kind, verdict)),
      link: linked === undefined ? null : inspectLink(linked),
      counts: manifest.counters === null ? null : countVerdicts(kind, step.slot, counters),
    };
  });
}

function inspectLink({ mode, reason, start, end, madeStatic = [] }: LinkedStep): InspectedLink {
  return { mode, reason, instructions: end - start, madeStatic };
}

function inspectMatch({ expression, libpcap, digest }: GenerationMatch, linked: LinkedStep | undefined): InspectedMatch {
  return { expression, libpcap, digest, instructions: linked?.match ?? null };
}

function inspectMaps(hook: ObservedHook, manifest: Manifest | null): readonly InspectedMap[] {
  const contents = new Map(manifest?.steps.flatMap((step) => step.maps.map((map) => [map.pin, map.content] as const)));
  const steps = hook.maps.map(({ step, map, pin }): InspectedMap => {
    const content = contents.get(pin.path);
    return {
      ...size(pin),
      step,
      map,
      content: content === "whole" || content === "keys" ? "policy" : "state",
      inUse: content !== undefined,
    };
  });
  const counters = hook.counters.map(
    ({ pin }): InspectedMap => ({
      ...size(pin),
      step: null,
      map: "counters",
      content: "counters",
      inUse: pin.path === manifest?.counters?.pin,
    }),
  );
  return [...steps, ...counters];
}

function size(pin: ObservedHook["maps"][number]["pin"]) {
  return { id: pin.id, type: pin.type, keySize: pin.keySize, valueSize: pin.valueSize, maxEntries: pin.maxEntries, pin: pin.path };
}

function pick({ id, name, tag, path, verified }: ProgramPin): InspectedProgram {
  return { id, name, tag, path, verified };
}

function fault(hook: ObservedHook, running: ObservedGeneration | undefined): string | null {
  if (hook.link === null) return hook.generations.length === 0 ? null : "Nothing is attached: the link is not there";
  if (hook.link.ifindex === 0) return "The device that the link was attached to is gone";
  if (running === undefined) return `The link holds program ${hook.link.programId}, which is not pinned as a generation`;
  return running.intact ? null : "The generation that runs does not match its pins: sluice drift says more";
}
