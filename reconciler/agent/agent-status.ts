// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding } from "../6-report/describe-drift.ts";
import type { Revision } from "../model/snapshot.ts";

/** What the agent says of itself at GET /status: plain JSON. Times are ISO 8601, UTC. */
export interface AgentStatus {
  readonly format: "1.0";
  readonly kind: "agent-status";
  readonly version: string;
  readonly pid: number;
  readonly started: string;
  readonly source: SourceStatus;
  /** What the source had when it answered last. */
  readonly revision: Revision | null;
  readonly lastPass: PassStatus | null;
  /** Hooks whose interface does not exist yet: "eth1/xdp". */
  readonly pending: readonly string[];
  readonly held: boolean;
  readonly drift: DriftStatus | null;
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
  /** Outcome.kind, or "failed" for a pass that could not begin. */
  readonly result: string;
  readonly revision: string;
  readonly message: string | null;
}

export interface DriftStatus {
  readonly checked: string;
  /** When these findings were first seen; null when there are none. */
  readonly since: string | null;
  readonly findings: readonly DriftFinding[];
}
