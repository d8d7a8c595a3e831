// SPDX-License-Identifier: Apache-2.0
import type { Entries } from "../../bpf/kernel/entries.ts";
import type { HookKind, XdpMode } from "../../bpf/kernel/kernel.ts";
import type { CompiledMatch } from "../../bpf/match/compile-match.ts";
import type { MapDefinition } from "../../bpf/object/spec.ts";
import type { Reasons, RulePrinter, Watch } from "../../bpf/programs/library-program.ts";
import type { Hook } from "./hook.ts";
import type { MapLayout, Migrate } from "./map-layout.ts";
import type { Origin } from "./origin.ts";
import type { Revision } from "./snapshot.ts";

/** What the policy repository says this host should be: typed, resolved, in bytes. */
export interface Desired {
  readonly revision: Revision;
  /** sha256 over everything below but origins: two revisions that render alike are the same to the kernel. */
  readonly digest: string;
  readonly hooks: readonly DesiredHook[];
  /** ELF files by sha256. */
  readonly objects: Readonly<Record<string, Uint8Array>>;
}

/** What to do when somebody else changes a chain in the kernel. */
export type DriftMode = "alert" | "heal" | "ignore";

export interface DesiredHook {
  readonly hook: Hook;
  /** XDP only; "native" for tc. */
  readonly mode: XdpMode | "auto";
  readonly chain: readonly DesiredStep[];
  /** r0 when the last step continued. */
  readonly end: number;
  readonly counters: boolean;
  readonly drift: DriftMode;
  readonly origin: Origin;
}

export interface DesiredStep {
  readonly name: string;
  /** As written: "acl", "./objects/balancer.bpf.o"; "match" for a step that only has a verdict. */
  readonly uses: string;
  /** The packets that it is for; not there when it is for all. */
  readonly match?: CompiledMatch;
  /** Expressions in front of a program that acts on what each of them takes; not there for most. */
  readonly rules?: readonly DesiredRule[];
  /** Of a step without a program: the verdict of packets that match. Its `object` and `function` are "". */
  readonly verdict?: number;
  /** sha256 of the ELF file, a key of Desired.objects. */
  readonly object: string;
  readonly function: string;
  /** Whole contents of ".rodata" and its like, where they differ from the object's. */
  readonly globals: Readonly<Record<string, Uint8Array>>;
  readonly maps: readonly DesiredMap[];
  /** Where the program counts why it did what it did; null where nobody says. No part of the digest: it changes nothing. */
  readonly reasons: Reasons | null;
  /** What runs at a tracepoint beside the chain; not there for most. */
  readonly watch?: Watch;
  readonly continueOn: readonly number[];
  /** Its function is built for XDP packets of several fragments; a step without a program takes whatever comes. */
  readonly frags: boolean;
  readonly origin: Origin;
}

/** One of an ordered list of rules. */
export interface DesiredRule {
  readonly match: CompiledMatch;
  /** The rules behind it are asked also about packets that it takes. */
  readonly goesOn: boolean;
}

export interface DesiredMap {
  /** Name in the object: "ctl_array", ".bss". */
  readonly name: string;
  /** Name in the kernel, at most 15 bytes. */
  readonly kernelName: string;
  readonly definition: MapDefinition;
  /**
   * Tells two maps of one name apart: digest of the definition, of the types of key and value, and of whatever makes the old
   * contents meaningless (the library's `layout`). While it stays the same, the map and what it holds survive every change.
   */
  readonly incarnation: string;
  /** whole: the map holds exactly `entries`. keys: of the map, only these keys are ours. none: the programs' own state. */
  readonly content: "whole" | "keys" | "none";
  /** Sorted by key bytes; no key twice. */
  readonly entries: Entries;
  /** First contents of a map of global variables (".data"), written once when the map is made. */
  readonly initial: Uint8Array | null;
  /** Where the contents come from. */
  readonly origin: Origin;
  /** Lines of single entries where they are known (same order as entries); null for sets too big to remember. */
  readonly entryOrigins: readonly Origin[] | null;
  /** How to print keys and values for people; null prints hex. */
  readonly print: EntryPrinter | null;
  /** Values are never shown. No part of any digest. */
  readonly sensitive?: true;
  /** What its contents mean and what becomes of them when that changes; not there where they must not go over. */
  readonly layout?: MapLayout;
  readonly migrate?: Migrate;
  /** Functions of the step's object that the map leads to. What it is filled with is part of its incarnation. */
  readonly programs?: readonly ProgramSlot[];
  /** Network devices that a devmap leads to, by name: their numbers are the host's, and known to the planner, which completes `programs`. */
  readonly devices?: readonly DeviceSlot[];
  /** What other steps of the interface that have this one map call it as well. */
  readonly shared?: string;
  /** These steps. */
  readonly sharedWith?: readonly SharingStep[];
}

export interface SharingStep {
  readonly hook: HookKind;
  readonly step: string;
}

export interface ProgramSlot {
  readonly index: number;
  /** null for an entry of a devmap or cpumap that leads to no function. */
  readonly function: string | null;
  /** What the value of a devmap (number of the device) or cpumap (size of the queue) starts with. */
  readonly first?: number;
}

export interface DeviceSlot {
  readonly key: number;
  readonly device: string;
  readonly origin: Origin;
}

/** A printer as data, so that a plan stays plain: which of the printers of bpf/btf, and what it needs. */
export type EntryPrinter = { readonly kind: "btf" | "cidr" | "address" } | DevicePrinter | RulePrinter;

export interface DevicePrinter {
  readonly kind: "device";
  /** By their numbers. */
  readonly names: Readonly<Record<number, string>>;
}
