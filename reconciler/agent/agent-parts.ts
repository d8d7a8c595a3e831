// SPDX-License-Identifier: Apache-2.0
import type { Logger } from "pino";
import type { Source } from "../1-source/source.ts";
import type { DriftResult } from "../drift.ts";
import type { DriftMode } from "../model/desired.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Revision, Snapshot } from "../model/snapshot.ts";
import type { ProbeResult } from "../probes/probe.ts";
import type { Hold } from "../state/hold.ts";
import type { KnownGood } from "../state/known-good.ts";
import type { QuarantineEntry } from "../state/quarantine.ts";
import type { ArmedEnd } from "../watchdog/arm.ts";
import type { Clock } from "./clock.ts";
import type { ConfirmConfig } from "./confirm-config.ts";
import type { KernelWatch } from "./watch-kernel.ts";

/** Why the loop has something to do. */
export type Reason = "start" | "confirm" | "watch" | "poll" | "retry" | "signal" | "request" | "device" | "drift" | "tripwire";

/** What the loop can do to a host: reconciler/ bound to one. All of them throw what the CLI would print. */
export interface HostWork {
  /**
   * Undoes what a crash left unfinished, and brings the host to what was confirmed last: after a reboot the kernel is empty, and the
   * source may take its time, or not answer at all. null when nothing was ever applied.
   */
  recover(): Promise<Outcome | null>;
  /** One pass, which leaves a held host alone. */
  pass(snapshot: Snapshot, trigger: "commit" | "device"): Promise<Outcome>;
  /** The digest of what a policy renders to on this host; null when it cannot be applied. */
  digest(snapshot: Snapshot): Promise<string | null>;
  drift(): Promise<DriftResult>;
  /** Keeps the change that waits to be confirmed. Throws ReconcilerError "not-confirmed" when it was taken back. */
  confirm(id: string, message: string): Promise<void>;
  /** Takes it back at once, unless somebody has confirmed it meanwhile; "lost" where nothing is known of it any more. */
  abort(id: string, reason: { readonly message: string; readonly quarantine: boolean }): Promise<"rolled-back" | "confirmed" | "lost">;
  /** Resolves when somebody else has decided about it, or when nobody watches over it any more. */
  decided(id: string): Promise<ArmedEnd>;
  /** One round of all probes. */
  probe(id: string): Promise<readonly ProbeResult[]>;
  /** Chains with these drift modes back to what was applied last; null when nothing was. */
  heal(modes: readonly DriftMode[]): Promise<Outcome | null>;
  /** Writes into the history that a revision is no policy at all. */
  refuse(revision: Revision, error: Error): Promise<void>;
  /** What is on record: also what a person has done, and what was so before the agent was started. */
  records(): Promise<HostRecords>;
}

/** What is written down about a host, whoever wrote it. */
export interface HostRecords {
  readonly good: KnownGood | null;
  readonly hold: Hold | null;
  /** Newest first. */
  readonly quarantine: readonly QuarantineEntry[];
  /** What waits to be confirmed. */
  readonly unconfirmed: { readonly id: string; readonly until: string } | null;
}

export interface LoopSettings {
  readonly pollMilliseconds: number;
  /** Part of the interval: 0.1 is ± 10 %. */
  readonly pollJitter: number;
  /** null: never check by itself. */
  readonly driftMilliseconds: number | null;
  /** alert: heal only chains that say so. heal: all of them. */
  readonly driftMode: "alert" | "heal";
}

/** How the loop tries a change. Milliseconds. */
export type TrialSettings = Pick<ConfirmConfig, "bake" | "every" | "by">;

export interface LoopParts {
  readonly source: Source;
  readonly work: HostWork;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: LoopSettings;
  /** Hears who changes our maps and links; absent where the machine does not allow it. */
  readonly watch?: Pick<KernelWatch, "rearm" | "heard" | "culprit">;
  /** Absent: what was applied and verified stays. */
  readonly trial?: TrialSettings;
  /** Called once the start has brought back what was confirmed last: how that ended, null where there was nothing or where it failed. */
  recovered?(outcome: Outcome | null): void;
  /** Called behind every turn. */
  turned?(): void;
}
