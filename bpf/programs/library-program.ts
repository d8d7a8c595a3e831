// SPDX-License-Identifier: Apache-2.0
import type { Entries } from "../kernel/entries.ts";
import type { HookKind } from "../kernel/kernel.ts";

/**
 * A filter of the library: C beside it, a JSON Schema of its `with`, and how its parameters land in maps and globals.
 * Adding a filter means adding a folder and a line in library.ts, nothing in the reconciler.
 */
export interface LibraryProgram {
  /** What `uses:` says. */
  readonly name: string;
  /** One sentence for `sluice validate --help` and the docs. */
  readonly summary: string;
  /** Built object below dist/bpf/programs: "acl.bpf.o". */
  readonly object: string;
  /** The function for each hook; a hook that is absent is refused. */
  readonly functions: Readonly<Partial<Record<HookKind, string>>>;
  /** The half that watches the kernel, for filters that need one: it is attached and goes with the generation. */
  readonly watch?: Watch;
  /** JSON Schema (2020-12) of `with`, already parsed. */
  readonly schema: object;
  /** Pure. `parameters` has passed the schema. */
  lower(parameters: unknown, context: LowerContext): ProgramSettings | LowerProblems;
}

/** A function of the filter's object that runs at a tracepoint and shares the step's maps. */
export interface Watch {
  readonly function: string;
  /** "inet_sock_set_state". */
  readonly tracepoint: string;
  /** Events can be missed, and what stood before was never one: how to find out what is so, after the tracepoint is watched and later. */
  readonly recount?: Recount;
}

/** Functions of the filter's object that go through what there is. */
export interface Recount {
  /** SEC("iter/tcp"): is shown every TCP socket of the namespace. */
  readonly standing: string;
  /** SEC("iter/bpf_map_elem"): is then shown every element of `map`, and takes away those that `standing` has not seen. */
  readonly gone: string;
  readonly map: string;
}

export interface LowerContext {
  readonly hook: HookKind;
  /** A list file of the repository by its path; null when there is none. */
  list(path: string): Uint8Array | null;
}

export interface ProgramSettings {
  readonly kind: "settings";
  /** The built object to take instead of the filter's, with the same functions. */
  readonly object?: string;
  /** The function to run instead of the hook's. */
  readonly function?: string;
  /** .rodata variables by name, typed by BTF like `globals:` in the policy. */
  readonly globals: Readonly<Record<string, unknown>>;
  readonly maps: Readonly<Record<string, MapSettings>>;
  /** Expressions that are laid in front of the program; its function `sluice_rule…` is called with the number of one that takes a packet. */
  readonly rules?: readonly RuleExpression[];
  /** Where the program counts why it did what it did. */
  readonly reasons?: Reasons;
  /** What is odd but does not stand in the way; each of severity "warning". */
  readonly warnings?: readonly LowerProblem[];
}

/** A tcpdump expression that stands in `with`. */
export interface RuleExpression {
  readonly match: string;
  /** Where it stands. */
  readonly path: readonly (string | number)[];
  /** The rules behind it are asked also about packets that it takes. */
  readonly goesOn: boolean;
}

/** Counters of packets in a per-CPU map, by what they mean. */
export interface Reasons {
  readonly map: string;
  /** Bytes of a value on one CPU. */
  readonly valueSize: number;
  readonly cells: readonly ReasonCell[];
}

export interface ReasonCell {
  /** For people: 'rule "partner"', "over the limit". */
  readonly name: string;
  /** True when it is one of the user's own rules, which tests should reach. */
  readonly isRule: boolean;
  readonly key: number;
  /** Bytes before the u64 in the value. */
  readonly offset: number;
}

/** A map that is not mentioned is the program's own state, with the layout "". */
export interface MapSettings {
  /** null keeps what the object says. */
  readonly maxEntries: number | null;
  /** While it is the same string, what the map holds stays meaningful; another one makes a fresh map. */
  readonly layout: string;
  readonly content: "whole" | "none";
  /** Sorted by key bytes; no key twice. Empty for "none". */
  readonly entries: Entries;
  readonly print: { readonly kind: "btf" | "cidr" | "address" } | RulePrinter | null;
  /** Steps of an interface with the same filter and the same name here have one map, at whatever hooks; they have to define it alike. */
  readonly shared?: string;
}

/** For an array of rules, each of which is until when it is on (u64, ns since 1970; 0 off, all ones for ever) and what it does (s32). */
export interface RulePrinter {
  readonly kind: "rule";
  /** By the rule's number. */
  readonly names: readonly string[];
  readonly actions: Readonly<Record<number, string>>;
}

export interface LowerProblems {
  readonly kind: "problems";
  readonly problems: readonly LowerProblem[];
}

/** Either a place in `with` (path) or a place in a list file. */
export interface LowerProblem {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly severity: "error" | "warning";
  /** Path inside `with`: ["rules", 0, "src", 2]. */
  readonly path: readonly (string | number)[];
  /** Another place in `with` that it is about: its line is told. */
  readonly other?: readonly (string | number)[];
  readonly file: { readonly path: string; readonly line: number; readonly column: number; readonly length: number } | null;
}
