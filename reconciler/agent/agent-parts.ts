// SPDX-License-Identifier: Apache-2.0
import type { Logger } from "pino";
import type { Source } from "../1-source/source.ts";
import type { DriftResult } from "../drift.ts";
import type { DriftMode } from "../model/desired.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Revision, Snapshot } from "../model/snapshot.ts";
import type { Clock } from "./clock.ts";

/** Why the loop has something to do. */
export type Reason = "start" | "watch" | "poll" | "retry" | "signal" | "request" | "device" | "drift";

/** What the loop can do to a host: reconciler/ bound to one. All of them throw what the CLI would print. */
export interface HostWork {
  /** Undoes what a crash left unfinished. */
  recover(): Promise<void>;
  /** One pass, which leaves a held host alone. */
  pass(snapshot: Snapshot, trigger: "commit" | "device"): Promise<Outcome>;
  drift(): Promise<DriftResult>;
  /** Chains with these drift modes back to what was applied last; null when nothing was. */
  heal(modes: readonly DriftMode[]): Promise<Outcome | null>;
  /** Writes into the history that a revision is no policy at all. */
  refuse(revision: Revision, error: Error): Promise<void>;
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

export interface LoopParts {
  readonly source: Source;
  readonly work: HostWork;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: LoopSettings;
}
