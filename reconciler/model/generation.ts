// SPDX-License-Identifier: Apache-2.0
import type { Hook } from "./hook.ts";

/**
 * What a generation is made of: the content of its manifest map, and what the executor needs to build it.
 * Plain JSON: bytes are base64.
 */
export interface Generation {
  readonly format: 1;
  readonly sluice: string;
  /** sha256 over what decides the linked program (not over slots and baselines); 64 hex digits. */
  readonly digest: string;
  readonly hook: Hook;
  readonly end: number;
  readonly counters: GenerationCounters | null;
  readonly steps: readonly GenerationStep[];
}

export interface GenerationCounters {
  /** Pin of the per-CPU map. */
  readonly pin: string;
  /** Rows it has. */
  readonly slots: number;
}

export interface GenerationStep {
  readonly name: string;
  readonly uses: string;
  /** sha256 of the ELF file. */
  readonly object: string;
  readonly function: string;
  /** base64 by map name. */
  readonly globals: Readonly<Record<string, string>>;
  readonly continueOn: readonly number[];
  readonly maps: readonly GenerationMap[];
  /** Row in the counters map; -1 when counters are off. */
  readonly slot: number;
}

export interface GenerationMap {
  readonly name: string;
  readonly pin: string;
  readonly content: "whole" | "keys" | "none";
}
