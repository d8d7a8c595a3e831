// SPDX-License-Identifier: Apache-2.0
import type { Hook } from "./hook.ts";
import type { Origin } from "./origin.ts";

/** What a chain did with packets, one after another. */
export interface Traced {
  readonly kind: "traced";
  readonly hook: Hook;
  /** Id of the generation whose copy was run. */
  readonly generation: string;
  /** Whether the packets met the tables and buckets of the chain that runs, or fresh ones. */
  readonly live: boolean;
  readonly frames: readonly Uint8Array[];
  readonly packets: readonly TracedPacket[];
  /** Where each step is written; absent for steps that the policy does not have. */
  readonly origins: Readonly<Record<string, Origin>>;
}

/** What a chain did with one packet. */
export interface TracedPacket {
  readonly verdict: number;
  /** The packet as the chain left it. */
  readonly output: Uint8Array;
  readonly steps: readonly TracedStep[];
  /** Name of the step whose verdict it was; "end" when every step let it through. */
  readonly decided: string;
}

export interface TracedStep {
  readonly name: string;
  readonly uses: string;
  /** 14 stands for every verdict that is none of the hook's; null: the packet did not get there, or left by a tail call. */
  readonly verdict: number | null;
  /** Its expression did not take the packet, which went on to the next step. */
  readonly unmatched: boolean;
  /** What the filter says of it, by the cells of its reasons that have counted: 'rule "blocked"'. */
  readonly reasons: readonly string[];
}
