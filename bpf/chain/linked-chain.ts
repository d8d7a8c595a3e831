// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "../asm/instruction.ts";
import type { HookKind } from "../kernel/kernel.ts";
import type { Classic } from "../match/classic.ts";
import type { FunctionInfo, LineInfo, RelocatedProgram } from "../object/relocated-program.ts";

/** A rule of a step that has several. */
export interface RuleToLink {
  /** Classic BPF, which whyNotClassic() has let through. */
  readonly match: readonly Classic[];
  /** The rules behind it are asked also about packets that it takes. */
  readonly goesOn: boolean;
}

/** What the linker is asked for: the steps in order, and what the chain does around them. */
export interface ChainToLink {
  readonly hook: HookKind;
  /** Kernel name of the program, at most 15 bytes: "sl_eth0_xdp". */
  readonly name: string;
  readonly steps: readonly StepToLink[];
  /** r0 when the last step continued: XDP_PASS (2), XDP_DROP (1), TCX_NEXT (-1), TC_ACT_SHOT (2). */
  readonly end: number;
  /** The per-CPU counters map to count verdicts in; null switches counting off. */
  readonly counters: { readonly map: string } | null;
  /** Only in a segment of a split chain that another one follows: where a packet goes on that every step let through. */
  readonly next?: NextSegment;
}

/** The program that a segment tail-calls instead of ending the chain. */
export interface NextSegment {
  /** The program array that holds it. */
  readonly map: string;
  readonly index: number;
}

export interface StepToLink {
  readonly name: string;
  readonly program: RelocatedProgram;
  /** Verdicts after which the next step runs; every other one ends the chain. */
  readonly continueOn: readonly number[];
  /** Row in the counters map. */
  readonly slot: number;
  /** Classic BPF, which whyNotClassic() has let through: packets that it does not take go to the next step, uncounted. */
  readonly match?: readonly Classic[];
  /** An ordered list, for a program with a function that acts on what a rule takes; see findRuleFunction(). */
  readonly rules?: readonly RuleToLink[];
  /** Forces `call` (benchmarks and tests); the linker decides when absent. */
  readonly mode?: LinkMode;
}

export type LinkMode = "inline" | "call";

/** One program that is the whole chain, or one segment of it. Map references are "step/map", the counters map by the name it was given. */
export interface LinkedChain {
  readonly kind: "linked";
  readonly name: string;
  readonly hook: HookKind;
  readonly license: string;
  readonly frags: boolean;
  readonly instructions: readonly Instruction[];
  readonly btf: Uint8Array | null;
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
  readonly steps: readonly LinkedStep[];
}

export interface LinkedStep {
  readonly name: string;
  readonly mode: LinkMode;
  /** Why it is not inline, in words for `sluice inspect`; null when it is. */
  readonly reason: string | null;
  /** Where its body lies in the program: [start, end). */
  readonly start: number;
  readonly end: number;
  /** Instructions of its match, which lie in front of the body, or of the call of it; not there when it has none. */
  readonly match?: number;
  /** Its global functions, which are static in the chain: verified where they are called. Not there when it has none. */
  readonly madeStatic?: readonly string[];
}

/** The chain cannot be linked: which step, and one readable sentence. */
export interface LinkRefusal {
  readonly kind: "refused";
  readonly step: string;
  readonly reason: string;
}
