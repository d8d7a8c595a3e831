// SPDX-License-Identifier: Apache-2.0
import type { Fetched } from "../1-source/source.ts";
import { hookName } from "../model/hook.ts";
import type { Plan } from "../model/plan.ts";
import type { Revision } from "../model/snapshot.ts";
import type { ProbeResult } from "../probes/probe.ts";
import type { HostRecords } from "./agent-parts.ts";
import type { KnownDrift, PassStatus, QuarantinedStatus, SourceStatus, StatusError } from "./agent-status.ts";
import { type DriftPlaces, noPlaces } from "./drift-places.ts";
import { emptyTally, type Tally } from "./tally.ts";
import type { Decision } from "./try-change.ts";

/** What the loop remembers between two turns. Nothing of it is needed after a restart. Times in milliseconds since the epoch. */
export interface LoopState {
  lastAnswer: number | null;
  sourceError: StatusError | null;
  sourceFailures: number;
  nextTry: number | null;
  revision: Revision | null;
  /** Identity of what needs no pass until something new comes. */
  settled: string | null;
  /** Newest that the kernel was brought to, or was found at. */
  good: Fetched | null;
  passFailures: number;
  lastPass: PassStatus | null;
  /** The last failure that was logged, so that the same one again is not news. */
  lastFailure: string | null;
  pending: readonly string[];
  /** Interfaces of the policy; null before it was planned once. */
  interfaces: ReadonlySet<string> | null;
  held: boolean;
  /** What waits to be confirmed, the commit it is of, and the digest of what that renders to. */
  unconfirmed: { readonly id: string; readonly until: string; readonly fetched: Fetched; readonly desired: string } | null;
  /** Of the last round. */
  probes: readonly ProbeResult[];
  /** What is to be done about it. */
  decision: Decision | null;
  quarantined: QuarantinedStatus | null;
  /** Devices that came while nothing could be done for them. */
  devicesWait: boolean;
  /** Interfaces of the policy that came since the last pass began: what it brought filters nothing there. */
  returned: readonly string[];
  driftChecked: number | null;
  drift: readonly KnownDrift[];
  driftPlaces: DriftPlaces;
  heals: number;
  /** By the clock that nobody can set, as is the next. */
  healNotBefore: number;
  /** Heals that helped, oldest first, of the last ten minutes; empty after each pass that changed something. */
  healed: { readonly place: string; readonly at: number }[];
  /** Places that drift whenever they are healed. */
  contested: readonly string[];
  /** Something is watched that was not before, and may have been changed before it was. */
  watchesAnew: boolean;
  /** As it was behind the last turn; null before the first. */
  records: HostRecords | null;
  readonly tally: Tally;
}

export function initialState(): LoopState {
  return {
    lastAnswer: null,
    sourceError: null,
    sourceFailures: 0,
    nextTry: null,
    revision: null,
    settled: null,
    good: null,
    passFailures: 0,
    lastPass: null,
    lastFailure: null,
    pending: [],
    interfaces: null,
    held: false,
    unconfirmed: null,
    probes: [],
    decision: null,
    quarantined: null,
    devicesWait: false,
    returned: [],
    driftChecked: null,
    drift: [],
    driftPlaces: noPlaces,
    heals: 0,
    healNotBefore: 0,
    healed: [],
    contested: [],
    watchesAnew: false,
    records: null,
    tally: emptyTally(),
  };
}

/** The part of the status that is about the source. */
export function sourceStatus(state: LoopState, name: string): SourceStatus {
  return {
    name,
    state: state.sourceFailures > 0 ? "fails" : state.lastAnswer === null ? "not-asked" : "answers",
    lastAnswer: isoTime(state.lastAnswer),
    error: state.sourceError,
    failures: state.sourceFailures,
    nextTry: isoTime(state.nextTry),
  };
}

/** Names of the hooks that wait for their interface. */
export function pendingHooks(plan: Plan): readonly string[] {
  return plan.hooks.filter(({ action }) => action === "pending").map(({ hook }) => hookName(hook));
}

export function isoTime(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}
