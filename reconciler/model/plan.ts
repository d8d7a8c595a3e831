// SPDX-License-Identifier: Apache-2.0
import type { Applied } from "./applied.ts";
import type { ShownMatch } from "./generation.ts";
import type { Hook } from "./hook.ts";
import type { Operation } from "./operation.ts";
import type { Origin } from "./origin.ts";
import type { Revision } from "./snapshot.ts";

/** What would happen, for people (`hooks`) and for the executor (the three lists of operations). Plain JSON but for bytes. */
export interface Plan {
  readonly format: "1.0";
  readonly host: string;
  readonly revision: Revision;
  /** Digest of what the policy renders to on this host. */
  readonly desired: string;
  /** Digest of what was observed: another one at apply time means the plan is stale. */
  readonly base: string;
  readonly hooks: readonly HookPlan[];
  /** Reasons why this plan must not be applied; empty when it may. */
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly Warning[];
  /** Unseen by traffic: maps, contents of new maps, programs. */
  readonly prepare: readonly Operation[];
  /** What traffic sees, each hook in one operation. */
  readonly commit: readonly Operation[];
  /** Pins to remove once the result is verified; may fail, is tried again, is never undone. */
  readonly cleanup: readonly string[];
  /** The record to leave once the result is verified. */
  readonly applied: Applied;
  /** ELF files that `load` needs, by sha256. */
  readonly objects: Readonly<Record<string, Uint8Array>>;
}

/** What happens to one hook. */
export interface HookPlan {
  readonly hook: Hook;
  /** update: only map contents change. pending: the interface does not exist. */
  readonly action: "attach" | "detach" | "switch" | "update" | "pending" | "reattach" | "unchanged";
  /** Generation ids before and after; null for none. */
  readonly from: string | null;
  readonly to: string | null;
  readonly changes: readonly Change[];
  /** Steps that stay as they are. */
  readonly unchanged: number;
  /** What packets meet while this is applied, in a sentence. */
  readonly traffic: string;
  /** Where the hook's chain is written; null for one that goes. */
  readonly origin: Origin | null;
}

/** One line of a plan. */
export type Change = AddStep | RemoveStep | MoveStep | ReplaceStep | SetKeys | ReplaceSet | SetEnd | SetMode;

export interface AddStep {
  readonly kind: "add-step";
  readonly step: string;
  readonly uses: string;
  /** The packets that it is for; not there when it is for all. */
  readonly match?: ShownMatch;
  /** Of a step that has no program. */
  readonly verdict?: number;
  /** The step it comes after; null for the first. */
  readonly after: string | null;
  readonly origin: Origin;
}

export interface RemoveStep {
  readonly kind: "remove-step";
  readonly step: string;
  readonly uses: string;
}

export interface MoveStep {
  readonly kind: "move-step";
  readonly step: string;
  readonly after: string | null;
  readonly wasAfter: string | null;
  readonly origin: Origin;
}

export interface ReplaceStep {
  readonly kind: "replace-step";
  readonly step: string;
  /** What differs: "match", "verdict", "object", "function", "globals", "continue", "maps". */
  readonly differs: readonly string[];
  /** The new one, where "match" or "verdict" differs and there is one. */
  readonly match?: ShownMatch;
  readonly verdict?: number;
  /** Maps that start empty because their definition or layout changed. */
  readonly losesState: readonly string[];
  /** Maps that are made anew and take over what the one before holds. */
  readonly copiesState: readonly CopiedState[];
  readonly origin: Origin;
}

export interface CopiedState {
  readonly map: string;
  /** Parts of the value that the old map has and the new one has not, or as something else. */
  readonly dropped: readonly string[];
  /** Parts that start as zeros. */
  readonly added: readonly string[];
  /** Entries that each has room for. */
  readonly roomBefore: number;
  readonly roomAfter: number;
}

/** Keys written in place, without a reload. */
export interface SetKeys {
  readonly kind: "set-keys";
  readonly step: string;
  readonly map: string;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** The first few, printed. */
  readonly samples: readonly KeySample[];
  readonly origin: Origin;
}

/** A set that changes as a whole: another map holds the new one, and is switched to with the generation. */
export interface ReplaceSet {
  readonly kind: "replace-set";
  readonly step: string;
  readonly map: string;
  /** Entries. */
  readonly before: number;
  readonly after: number;
  /** Keys that would have to be written one by one. */
  readonly keys: number;
  /** The new set is still pinned from before: nothing is built. */
  readonly kept: boolean;
  /** Room for keys and values of the new map, which is there beside the old one until that is cleaned up. */
  readonly bytes: number;
  /** Estimates: of building it, and of writing the keys instead. */
  readonly seconds: number;
  readonly secondsByKey: number;
  readonly origin: Origin;
}

export interface KeySample {
  readonly key: string;
  /** null: not there. */
  readonly before: string | null;
  readonly after: string | null;
  readonly origin: Origin | null;
}

export interface SetEnd {
  readonly kind: "set-end";
  readonly before: number;
  readonly after: number;
  readonly origin: Origin;
}

/** XDP mode: needs detach and attach, the only change with a gap. */
export interface SetMode {
  readonly kind: "set-mode";
  readonly before: string;
  readonly after: string;
  readonly origin: Origin;
}

export interface Refusal {
  readonly hook: Hook | null;
  /** "foreign-xdp", "prunes-everything". */
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface Warning {
  readonly hook: Hook | null;
  readonly code: string;
  readonly message: string;
}

/** Nothing to prepare, to commit or to clean up. */
export function isEmpty(plan: Plan): boolean {
  return plan.prepare.length === 0 && plan.commit.length === 0 && plan.cleanup.length === 0;
}
