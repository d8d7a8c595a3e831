// SPDX-License-Identifier: Apache-2.0
import type { Entries } from "../../bpf/kernel/entries.ts";
import type { AttachedProgram, Device, LinkPin, MapPin, ProgramPin, XdpMode } from "../../bpf/kernel/kernel.ts";
import type { Applied } from "./applied.ts";
import type { Manifest } from "./generation.ts";
import type { Hook } from "./hook.ts";

/** What the kernel says there is, read from pins, links, manifests and maps in one go. */
export interface Observed {
  readonly devices: readonly Device[];
  readonly hooks: readonly ObservedHook[];
  /** Pins below our directory that fit no place of the layout; left alone, and told. */
  readonly unknown: readonly string[];
  /** The record of the last pass, read beside the kernel; null when there is none. */
  readonly applied: Applied | null;
}

/** One hook that has pins of ours, or that was asked about. */
export interface ObservedHook {
  readonly hook: Hook;
  readonly link: LinkPin | null;
  /** XDP: how our link runs; null when it does not, or for tc. */
  readonly mode: XdpMode | null;
  readonly generations: readonly ObservedGeneration[];
  readonly maps: readonly ObservedMap[];
  readonly counters: readonly ObservedCounters[];
  /** What runs at the hook and is not ours. */
  readonly foreign: readonly AttachedProgram[];
}

export interface ObservedGeneration {
  readonly id: string;
  readonly program: ProgramPin | null;
  /** The programs that it tail-calls one after another, of a chain that is split. */
  readonly behind: readonly ProgramPin[];
  /** The program array that leads to them. */
  readonly segments: MapPin | null;
  /** Links of what its steps have at tracepoints; not there when they have none. */
  readonly watches?: readonly ObservedWatch[];
  /** null when the manifest is missing or unreadable: then the generation is only good for cleaning up. */
  readonly manifest: Manifest | null;
  /** Programs and manifest are there, and the programs use exactly the maps that are pinned where the manifest says. */
  readonly intact: boolean;
  /** The link holds its program. */
  readonly running: boolean;
}

export interface ObservedWatch {
  readonly step: string;
  readonly pin: LinkPin;
}

export interface ObservedMap {
  readonly step: string;
  readonly map: string;
  readonly incarnation: string;
  readonly pin: MapPin;
  /** null when nobody asked for the contents. */
  readonly entries: Entries | null;
}

export interface ObservedCounters {
  readonly pin: MapPin;
  readonly family: number;
  readonly slots: number;
}
