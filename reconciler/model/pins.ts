// SPDX-License-Identifier: Apache-2.0
import { mostSegments } from "../../bpf/chain/limits.ts";
import type { GenerationStep } from "./generation.ts";
import type { Hook } from "./hook.ts";

/**
 * Where things are pinned. bpffs refuses dots and names are the users', so every part is escaped: letters, digits, "-" stay,
 * any other byte becomes "_" and two hex digits.
 *
 *     <root>/<interface>/<hook>/link
 *     <root>/<interface>/<hook>/gen/<id>/program
 *     <root>/<interface>/<hook>/gen/<id>/manifest
 *     <root>/<interface>/<hook>/gen/<id>/segments            of a chain that is split: the array that leads from one to the next,
 *     <root>/<interface>/<hook>/gen/<id>/segment-<n>         and the programs behind the first, from 2 on
 *     <root>/<interface>/<hook>/gen/<id>/watch-<step>        link of what a step has at a tracepoint
 *     <root>/<interface>/<hook>/counters/<family>-<slots>
 *     <root>/<interface>/<hook>/steps/<step>/<map>__<incarnation>
 *     <root>/<interface>/<hook>/steps/<step>/<map>__<incarnation>-<copy>
 *
 * A directory costs a pass as much as two pins, so a map has none of its own; escaping never makes "__".
 */
export interface PinLayout {
  readonly root: string;
}

export function hookDirectory(layout: PinLayout, hook: Hook): string {
  return `${layout.root}/${escapePin(hook.interface)}/${hook.kind}`;
}

export function linkPin(layout: PinLayout, hook: Hook): string {
  return `${hookDirectory(layout, hook)}/link`;
}

/** The directory of a generation: its program, its manifest. */
export function generationDirectory(layout: PinLayout, hook: Hook, id: string): string {
  return `${hookDirectory(layout, hook)}/gen/${id}`;
}

/** The program of a segment, counted from 0: the first one is what the link holds. Takes the generation's directory. */
export function segmentPin(generation: string, segment: number): string {
  return segment === 0 ? `${generation}/program` : `${generation}/segment-${segment + 1}`;
}

/** The program array of a generation that is split. */
export function segmentsPin(generation: string): string {
  return `${generation}/segments`;
}

/** The link of what a step has at a tracepoint. */
export function watchPin(generation: string, step: string): string {
  return `${generation}/watch-${escapePin(step)}`;
}

/** Every pin that a generation of these steps can have. */
export function generationPins(generation: string, steps: readonly GenerationStep[]): readonly string[] {
  const programs = Array.from({ length: mostSegments }, (_, segment) => segmentPin(generation, segment));
  const watches = steps.filter(({ watch }) => watch !== undefined).map(({ name }) => watchPin(generation, name));
  return [...programs, ...watches, segmentsPin(generation), `${generation}/manifest`];
}

export function countersPin(layout: PinLayout, hook: Hook, family: number, slots: number): string {
  return `${hookDirectory(layout, hook)}/counters/${family}-${slots}`;
}

export function mapPin(layout: PinLayout, hook: Hook, step: string, map: string, incarnation: string): string {
  return `${hookDirectory(layout, hook)}/steps/${escapePin(step)}/${escapePin(map)}__${incarnation}`;
}

/** Where one process pins what it only tries out: no interface is called like that, once escaped. */
export function scratchDirectory(layout: PinLayout, process: number | ""): string {
  return `${layout.root}/_test_${process}`;
}

export function isScratch(layout: PinLayout, path: string): boolean {
  return path.startsWith(scratchDirectory(layout, ""));
}

/** The pin of a map whose copies were numbered: a set that was replaced as a whole has the next number, the first one has none. */
export function firstCopy(pin: string): string {
  return pin.replace(/(__[0-9a-f]+)-\d+$/, "$1");
}

/** 0 for the first. */
export function copyNumber(pin: string): number {
  return Number(/__[0-9a-f]+-(\d+)$/.exec(pin)?.[1] ?? 0);
}

/** Injective, and undone by unescapePin. */
export function escapePin(name: string): string {
  if (isPlain(name)) return name;
  let escaped = "";
  for (const byte of Buffer.from(name, "utf8")) {
    const character = String.fromCharCode(byte);
    escaped += /[A-Za-z0-9-]/.test(character) ? character : `_${byte.toString(16).padStart(2, "0")}`;
  }
  return escaped;
}

/** Most names are, and there are ten thousands of them. */
function isPlain(name: string): boolean {
  return /^[A-Za-z0-9-]*$/.test(name);
}

/** The name behind an escaped one; null for what escapePin never makes. */
export function unescapePin(escaped: string): string | null {
  if (isPlain(escaped)) return escaped;
  if (!/^(?:[A-Za-z0-9-]|_[0-9a-f]{2})*$/.test(escaped)) return null;
  const name = Buffer.from(
    escaped.replace(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");
  return escapePin(name) === escaped ? name : null;
}
