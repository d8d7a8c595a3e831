// SPDX-License-Identifier: Apache-2.0
import type { LinkedStep } from "../../bpf/chain/linked-chain.ts";
import type { Watch } from "../../bpf/programs/library-program.ts";
import type { ProgramSlot } from "./desired.ts";
import type { Hook } from "./hook.ts";
import type { MapLayout } from "./map-layout.ts";

/** What a generation is made of, and what the executor needs to build it. Plain JSON: bytes are base64. */
export interface Generation {
  readonly format: 1;
  readonly sluice: string;
  /** Name of its directory: the first 16 digits of the digest, and "-1", "-2"… where a broken one of the same digest is still pinned. */
  readonly id: string;
  /** sha256 over what decides the linked program but not over rows of counters; 64 hex digits. */
  readonly digest: string;
  readonly hook: Hook;
  readonly end: number;
  readonly counters: GenerationCounters | null;
  readonly steps: readonly GenerationStep[];
}

/**
 * Where the steps count. A row belongs to a step's name for good, so counts survive whatever happens to the chain; a family is a
 * numbering of rows. When the rows run out, a bigger map of the same family is made, and a step's count is the sum over the family.
 */
export interface GenerationCounters {
  /** Pin of the per-CPU map. */
  readonly pin: string;
  readonly family: number;
  /** Rows it has: 16, 32, … 256. */
  readonly slots: number;
  /** The first row that no step of this family has ever had. */
  readonly next: number;
}

export interface GenerationStep {
  readonly name: string;
  readonly uses: string;
  /** The packets that it is for; not there when it is for all. */
  readonly match?: GenerationMatch;
  /** Expressions in front of a program that acts on what each of them takes; not there for most. */
  readonly rules?: readonly GenerationRule[];
  /** Of a step without a program, whose `object` and `function` are "". */
  readonly verdict?: number;
  /** sha256 of the ELF file. */
  readonly object: string;
  readonly function: string;
  /** base64 by map name. */
  readonly globals: Readonly<Record<string, string>>;
  /** What runs at a tracepoint for it, from when the generation is loaded until its pins go. */
  readonly watch?: Watch;
  readonly continueOn: readonly number[];
  readonly maps: readonly GenerationMap[];
  /** Row in the counters map; -1 when counters are off. */
  readonly slot: number;
}

/** A tcpdump expression, and what libpcap made of it. */
export interface GenerationMatch extends ShownMatch {
  /** Classic BPF in base64. */
  readonly code: string;
}

/** One of an ordered list of rules. */
export interface GenerationRule extends GenerationMatch {
  /** The rules behind it are asked also about packets that it takes. */
  readonly goesOn: boolean;
}

/** What people are told of a match. */
export interface ShownMatch {
  readonly expression: string;
  /** Version of libpcap. */
  readonly libpcap: string;
  /** sha256 of the classic BPF, hex. */
  readonly digest: string;
}

export interface GenerationMap {
  readonly name: string;
  readonly pin: string;
  readonly content: "whole" | "keys" | "none";
  /** Of a map that holds state of the programs, as far as a later one may take it over. */
  readonly layout?: MapLayout;
  /** Functions that a program array leads to: they are loaded with the first generation that uses it. */
  readonly programs?: readonly ProgramSlot[];
}

/** The content of a manifest map: the generation, and what linking made of it. */
export interface Manifest extends Generation {
  readonly linked: {
    readonly steps: readonly LinkedStep[];
    readonly instructions: number;
    /** Pins of the maps that the program refers to: a step may have maps that its function does not use. */
    readonly maps: readonly string[];
    /** Only of a chain that is several programs. Then `start` and `end` of a step are places in the program of its segment. */
    readonly split?: ManifestSplit;
  };
}

export interface ManifestSplit {
  /** Why it is not one program, in words. */
  readonly reason: string;
  /** In the order in which packets meet them; the first one's program is the one that the link holds. */
  readonly segments: readonly ManifestSegment[];
}

export interface ManifestSegment {
  /** Names of its steps. */
  readonly steps: readonly string[];
  readonly instructions: number;
}
