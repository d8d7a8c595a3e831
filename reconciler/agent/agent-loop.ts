// SPDX-License-Identifier: Apache-2.0

import type { Outcome } from "../model/outcome.ts";
import type { Revision } from "../model/snapshot.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import type { HostRecords, LoopParts, Reason } from "./agent-parts.ts";
import type { DriftStatus, PassStatus, QuarantinedStatus, SourceStatus, UnconfirmedStatus } from "./agent-status.ts";
import { jittered } from "./backoff.ts";
import { checkDrift } from "./check-drift.ts";
import { initialState, isoTime, type LoopState, sourceStatus } from "./loop-state.ts";
import { createQueue } from "./queue.ts";
import { syncDevices, syncSource } from "./sync-source.ts";
import type { Tally } from "./tally.ts";
import { settleChange, tryChange, withdrawChange } from "./try-change.ts";

/** The loop of the agent: one thing at a time, whoever asks. */
export interface AgentLoop {
  /** Resolves when it has been dealt with. */
  push(reason: Reason): Promise<void>;
  /** Like push("device"), where one of them is an interface of the policy, or where we cannot know yet. */
  devicesChanged(news: { readonly appeared: readonly string[]; readonly gone: readonly string[] }): Promise<void>;
  status(): LoopStatus;
  readonly tally: Tally;
  /** Lets a pass that runs finish, breaks off a fetch, and leaves the kernel as it is. */
  stop(): Promise<void>;
}

export interface LoopStatus {
  readonly source: SourceStatus;
  readonly revision: Revision | null;
  readonly lastPass: PassStatus | null;
  readonly pending: readonly string[];
  readonly held: boolean;
  readonly drift: DriftStatus | null;
  readonly unconfirmed: UnconfirmedStatus | null;
  readonly quarantined: QuarantinedStatus | null;
  readonly records: HostRecords | null;
}

/** Makes a loop that waits for its first push. */
export function createLoop(parts: LoopParts): AgentLoop {
  const { clock, settings } = parts;
  const state = initialState();
  const ending = new AbortController();
  let trying: { readonly id: string; stop(): void } | null = null;
  const timers = new Map<Reason, () => void>();
  const queue = createQueue<Reason>((reasons) => turn(reasons));

  async function turn(reasons: ReadonlySet<Reason>): Promise<void> {
    let lookAgain: number | null = null;
    try {
      if (reasons.has("start")) {
        const outcome = await recover(parts);
        parts.recovered?.(outcome);
      }
      if (state.decision !== null) await settleChange(parts, state, state.decision);
      if (state.unconfirmed === null && state.devicesWait) reasons = new Set([...reasons, "device"]);
      const retry = await sync(parts, state, reasons, ending.signal);
      const looks = reasons.has("drift") || reasons.has("tripwire");
      if (looks && state.unconfirmed === null) lookAgain = await checkDrift(parts, state, ending.signal, reasons.has("tripwire"));
      if ((await parts.watch?.rearm()) === true || state.watchesAnew) void queue.push("tripwire");
      state.watchesAnew = false;
      if (retry !== undefined)
        later(retry === null ? "poll" : "retry", retry ?? jittered(settings.pollMilliseconds, settings.pollJitter, clock.random()));
    } catch (error) {
      if (!ending.signal.aborted) parts.log.error({ error }, "unexpected error, the host keeps what it has");
      later("poll", settings.pollMilliseconds);
    }
    watchOver();
    await lookAtRecords(parts, state);
    parts.turned?.();
    const { driftMilliseconds } = settings;
    if (driftMilliseconds !== null && (lookAgain !== null || reasons.has("drift") || reasons.has("start")))
      later("drift", Math.min(lookAgain ?? driftMilliseconds, driftMilliseconds));
  }

  /** One change at a time is tried. */
  function watchOver(): void {
    const id = state.unconfirmed?.id ?? null;
    if (trying?.id === id) return;
    trying?.stop();
    trying = null;
    if (id === null || ending.signal.aborted) return;
    const stop = tryChange(parts, state, (decision) => {
      if (state.unconfirmed?.id !== id) return;
      state.decision = decision;
      void queue.push("confirm");
    });
    trying = { id, stop };
  }

  /** Poll and retry stand for one another: the source is asked once, at the time that was set last. */
  function later(reason: Reason, milliseconds: number): void {
    const slot = reason === "retry" ? "poll" : reason;
    timers.get(slot)?.();
    if (!ending.signal.aborted)
      timers.set(
        slot,
        clock.after(milliseconds, () => void queue.push(reason)),
      );
  }

  return {
    push: (reason) => queue.push(reason),
    async devicesChanged({ appeared, gone }) {
      const { interfaces } = state;
      const lost = gone.filter((name) => interfaces?.has(name));
      const came = appeared.filter((name) => interfaces?.has(name));
      state.returned = [...state.returned, ...came];
      if (lost.length > 0) parts.log.warn({ interfaces: lost }, "interfaces are gone, their chains wait for them");
      if (interfaces === null || lost.length + came.length > 0) await queue.push("device");
    },
    status: () => statusOf(parts, state),
    tally: state.tally,
    async stop() {
      ending.abort();
      for (const cancel of timers.values()) cancel();
      await queue.stop();
      trying?.stop();
      // Whoever comes next begins with what is known to be good.
      await withdrawChange(parts, state, "The agent was stopped").catch((error: unknown) =>
        parts.log.error({ error }, "revision left to the watchdog"),
      );
    },
  };
}

/** Milliseconds until the source must be asked again, null for the usual interval, undefined when it was not asked. */
async function sync(
  parts: LoopParts,
  state: LoopState,
  reasons: ReadonlySet<Reason>,
  signal: AbortSignal,
): Promise<number | null | undefined> {
  const asks = [...reasons].some((reason) => !["device", "drift", "tripwire", "confirm"].includes(reason));
  const before = state.lastPass;
  const how = { force: reasons.has("signal") || reasons.has("request"), moved: reasons.has("watch") };
  const retry = asks ? await syncSource(parts, state, how, signal) : undefined;
  // A pass that has just run has seen the devices too.
  if (reasons.has("device") && state.lastPass === before) return (await syncDevices(parts, state, signal)) ?? retry;
  return retry;
}

async function recover({ work, log }: LoopParts): Promise<Outcome | null> {
  try {
    const outcome = await work.recover();
    if (outcome !== null && outcome.kind !== "unchanged") log.info({ result: outcome.kind }, "brought back to what was applied last");
    return outcome;
  } catch (error) {
    if (error instanceof ReconcilerError && error.code === "confirmation-pending") log.info({ error }, "a change waits to be confirmed");
    else log.error({ error }, "unfinished apply not undone yet");
    return null;
  }
}

/** A rollback by hand is not ours, but it is to be told of. */
async function lookAtRecords({ work, log }: LoopParts, state: LoopState): Promise<void> {
  try {
    const before = state.records;
    const records = await work.records();
    state.records = records;
    state.held = records.hold !== null;
    if (before !== null && records.hold !== null && records.hold.since !== before.hold?.since) state.tally.rollbacks.hand++;
  } catch (error) {
    log.warn({ error }, "records not read");
  }
}

function statusOf({ source, watch }: LoopParts, state: LoopState): LoopStatus {
  const { driftChecked, drift, contested, revision, lastPass, pending, held, unconfirmed, probes, quarantined, records } = state;
  return {
    source: sourceStatus(state, source.name),
    revision,
    lastPass,
    pending,
    held,
    unconfirmed:
      unconfirmed === null ? null : { id: unconfirmed.id, revision: unconfirmed.fetched.revision.name, until: unconfirmed.until, probes },
    quarantined,
    records,
    drift: driftChecked === null ? null : { checked: isoTime(driftChecked) ?? "", hears: watch !== undefined, findings: drift, contested },
  };
}
