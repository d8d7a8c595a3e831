// SPDX-License-Identifier: Apache-2.0
import { judge, type Trial } from "../probes/judge.ts";
import type { ProbeResult } from "../probes/probe.ts";
import { errorCatalogue, ReconcilerError } from "../reconciler-error.ts";
import type { LoopParts } from "./agent-parts.ts";
import { isoTime, type LoopState } from "./loop-state.ts";
import type { RollbackReason } from "./tally.ts";

/** What is to be done about a change that waits to be confirmed. */
export type Decision =
  | { readonly kind: "confirm"; readonly message: string }
  | { readonly kind: "abort"; readonly message: string; readonly because: "probes" | "unwatched" }
  /** Somebody else has said it. */
  | { readonly kind: "confirmed" }
  | { readonly kind: "rolled-back"; readonly message: string };

/**
 * Tries the change of `state.unconfirmed`: probes, round after round, until they have held for long enough or cannot any more, or until
 * somebody else decides. Calls `decided` once. Gives back how to stop trying.
 */
export function tryChange(parts: LoopParts, state: LoopState, decided: (decision: Decision) => void): () => void {
  const { work, clock, log, trial: settings } = parts;
  const { unconfirmed } = state;
  if (unconfirmed === null) return () => undefined;
  const { id, until } = unconfirmed;
  let stopped = false;
  let cancel = () => {};
  const finish = (decision: Decision) => {
    if (stopped) return;
    stopped = true;
    cancel();
    decided(decision);
  };

  async function round(trial: Trial): Promise<void> {
    const began = clock.elapsed();
    const results = await work.probe(id).catch((error: unknown) => [{ name: "probes", holds: false, detail: String(error) }]);
    if (stopped) return;
    report(results);
    // A round holds at its end, but fails from its beginning.
    const judgement = judge(trial, results, results.every(({ holds }) => holds) ? clock.elapsed() : began);
    if (settings?.by === "hand" || judgement.kind === "wait") {
      cancel = clock.after(settings?.every ?? 1_000, () => void round(judgement.kind === "wait" ? judgement.trial : trial));
      return;
    }
    finish(judgement.kind === "confirm" ? judgement : { kind: "abort", message: judgement.message, because: "probes" });
  }

  function report(results: readonly ProbeResult[]): void {
    for (const { name, holds, detail } of results) {
      const before = state.probes.find((known) => known.name === name);
      if (before?.holds === holds) continue;
      if (holds) log.info({ id, probe: name, detail }, "probe holds");
      else log.warn({ id, probe: name, detail }, "probe fails");
    }
    state.probes = results;
  }

  state.probes = [];
  const deadline = clock.elapsed() + Date.parse(until) - clock.now();
  void round({ deadline, bake: settings?.bake ?? 0, since: null });
  void work.decided(id).then((end) => {
    if (end.kind === "confirmed") finish({ kind: "confirmed" });
    else if (end.kind === "rolled-back") finish({ kind: "rolled-back", message: end.reason });
    else finish({ kind: "abort", message: "Nobody watched over the change any more", because: "unwatched" });
  });
  return () => {
    stopped = true;
    cancel();
  };
}

/** Does what was decided about the change that waits, and forgets it. Throws what keeps it from being done. */
export async function settleChange(parts: LoopParts, state: LoopState, decision: Decision): Promise<void> {
  const { unconfirmed } = state;
  if (unconfirmed === null) return;
  const { id, fetched } = unconfirmed;
  const revision = fetched.revision.name;
  const end = await endOf(parts, id, decision);
  if (end.kind === "confirmed") settled(parts, state, end.by);
  else if (end.kind === "unknown") await withdrawLost(parts, state);
  else {
    forget(state);
    failed(parts, state, { id, revision, message: end.message, because: end.because });
  }
}

type End =
  | { readonly kind: "confirmed"; readonly by: string }
  | { readonly kind: "rolled-back"; readonly message: string; readonly because: RollbackReason }
  /** Nothing is written down of it any more. */
  | { readonly kind: "unknown" };

/** How the change ends, once that is done. */
async function endOf({ work, log }: LoopParts, id: string, decision: Decision): Promise<End> {
  switch (decision.kind) {
    case "confirmed":
      return { kind: "confirmed", by: "hand" };
    case "confirm": {
      const late = await confirm(work, id, decision.message);
      if (late === null) return { kind: "confirmed", by: decision.message };
      return late === "lost" ? { kind: "unknown" } : { kind: "rolled-back", message: late, because: "watchdog" };
    }
    case "abort": {
      const result = await work.abort(id, { message: decision.message, quarantine: true });
      if (result === "confirmed") return { kind: "confirmed", by: "hand" };
      if (result === "lost") log.error({ id }, "nothing is on record of the change, drift brings back what was confirmed");
      return { kind: "rolled-back", message: decision.message, because: decision.because };
    }
    case "rolled-back":
      return { kind: "rolled-back", message: decision.message, because: "watchdog" };
  }
}

/** Git has moved on, or the agent ends: nobody is to blame. */
export async function withdrawChange(parts: LoopParts, state: LoopState, message: string): Promise<void> {
  const { work, log } = parts;
  const { unconfirmed } = state;
  if (unconfirmed === null) return;
  const result = await work.abort(unconfirmed.id, { message, quarantine: false });
  if (result === "confirmed") {
    settled(parts, state, "hand");
    return;
  }
  log.info({ revision: unconfirmed.fetched.revision.name, id: unconfirmed.id, reason: message }, "revision withdrawn");
  state.tally.rollbacks.withdrawn++;
  forget(state);
}

/** Somebody has removed what was written down of it: it is tried once more. */
async function withdrawLost(parts: LoopParts, state: LoopState): Promise<void> {
  await withdrawChange(parts, state, "Its records in the state directory are gone, so nobody could confirm it");
  state.settled = null;
}

function settled({ clock, log }: LoopParts, state: LoopState, by: string): void {
  const { unconfirmed } = state;
  if (unconfirmed === null) return;
  const { id, fetched } = unconfirmed;
  const revision = fetched.revision.name;
  forget(state);
  state.good = fetched;
  state.lastPass = { time: isoTime(clock.now()) ?? "", trigger: "confirmation", result: "applied", revision, message: null, code: null };
  log.info({ revision, id, by }, "revision confirmed");
}

function forget(state: LoopState): void {
  state.unconfirmed = null;
  state.decision = null;
}

interface Failure {
  readonly id: string;
  readonly revision: string;
  readonly message: string;
  readonly because: RollbackReason;
}

function failed({ log, clock }: LoopParts, state: LoopState, { id, revision, message, because }: Failure): void {
  state.tally.rollbacks[because]++;
  state.quarantined = { revision, reason: message };
  state.lastPass = { time: isoTime(clock.now()) ?? "", trigger: "confirmation", result: "rolled-back", revision, message, code: null };
  log.error({ revision, id, reason: message }, "revision rolled back");
}

/** null when it is confirmed, else why it was too late; "lost" where nothing is written down of it any more. */
async function confirm(work: LoopParts["work"], id: string, message: string): Promise<string | null> {
  try {
    await work.confirm(id, message);
    return null;
  } catch (error) {
    if (error instanceof ReconcilerError && error.code === "nothing-to-confirm") return "lost";
    const isLate = error instanceof ReconcilerError && errorCatalogue[error.code].next === "on-change";
    if (!isLate) throw error;
    return error.message;
  }
}
