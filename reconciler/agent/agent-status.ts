// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding } from "../6-report/describe-drift.ts";
import type { ReceiverStatus } from "../alerts/receiver-book.ts";
import type { Culprit } from "../model/culprit.ts";
import type { Revision } from "../model/snapshot.ts";
import type { ProbeResult } from "../probes/probe.ts";
import type { HostRecords } from "./agent-parts.ts";

/** What the agent says of itself at GET /status: plain JSON. Times are ISO 8601, UTC. */
export interface AgentStatus {
  readonly format: "1.0";
  readonly kind: "agent-status";
  readonly version: string;
  readonly pid: number;
  readonly started: string;
  /** Milliseconds from then until the chains that were confirmed last were in place; null where there were none, or where that failed. */
  readonly filteredAfter: number | null;
  readonly source: SourceStatus;
  /** What the source had when it answered last. */
  readonly revision: Revision | null;
  readonly lastPass: PassStatus | null;
  /** Hooks whose interface does not exist yet: "eth1/xdp". */
  readonly pending: readonly string[];
  readonly held: boolean;
  readonly drift: DriftStatus | null;
  /** What runs and is taken back unless it is confirmed in time. */
  readonly unconfirmed: UnconfirmedStatus | null;
  /** Why what the source has is not tried again here. */
  readonly quarantined: QuarantinedStatus | null;
  /** null before the first turn. */
  readonly records: HostRecords | null;
  /** Who is told of alerts; absent where nobody is. */
  readonly receivers?: readonly ReceiverStatus[];
}

export interface UnconfirmedStatus {
  /** What `sluice confirm` takes. */
  readonly id: string;
  readonly revision: string;
  readonly until: string;
  /** Of the last round. */
  readonly probes: readonly ProbeResult[];
}

export interface QuarantinedStatus {
  readonly revision: string;
  readonly reason: string;
}

export interface SourceStatus {
  readonly name: string;
  readonly state: "not-asked" | "answers" | "fails";
  readonly lastAnswer: string | null;
  /** null while it answers. */
  readonly error: StatusError | null;
  /** Failures in a row. */
  readonly failures: number;
  readonly nextTry: string | null;
}

export interface StatusError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface PassStatus {
  readonly time: string;
  readonly trigger: string;
  /** Outcome.kind, "failed" for a pass that could not begin, "waiting" for one that comes after a change which waits to be confirmed. */
  readonly result: string;
  readonly revision: string;
  readonly message: string | null;
  /** Of the error or the refusal that it ended with; null for none. */
  readonly code: string | null;
}

export interface DriftStatus {
  readonly checked: string;
  /** Whether the agent hears who changes something; if not, there are no culprits. */
  readonly hears: boolean;
  readonly findings: readonly KnownDrift[];
  /** "eth0/xdp link": places that somebody undoes whenever they are healed; they are left alone for a while. */
  readonly contested: readonly string[];
}

/** A difference, with what only somebody knows who was there all the time; its mode is what this agent does about it. */
export interface KnownDrift extends DriftFinding {
  /** When it was first seen; after it was healed or gone, the next one begins anew. */
  readonly since: string;
  /** How often this place has drifted since the agent started. */
  readonly count: number;
  /** Who changed it last since it was as it should be; null where nobody was heard. */
  readonly culprit: Culprit | null;
}
