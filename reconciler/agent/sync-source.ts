// SPDX-License-Identifier: Apache-2.0
import type { Fetched } from "../1-source/source.ts";
import { errorCatalogue, ReconcilerError } from "../reconciler-error.ts";
import { describeError } from "./agent-log.ts";
import type { LoopParts } from "./agent-parts.ts";
import { backoffDelay, retryBackoff } from "./backoff.ts";
import type { LoopState } from "./loop-state.ts";
import { bringTo, refuse } from "./run-pass.ts";
import { addDuration } from "./tally.ts";
import { withdrawChange } from "./try-change.ts";

/**
 * Asks the source and brings the host to what is new there; with `force` also to what is not. With `moved` it does not ask
 * whether there is anything new. A source that does not answer changes
 * nothing: the host keeps what it has. Gives back after how many milliseconds to try again, null when the next poll will do. Throws
 * only the signal's reason.
 */
export async function syncSource(
  parts: LoopParts,
  state: LoopState,
  { force, moved }: { readonly force: boolean; readonly moved: boolean },
  signal: AbortSignal,
): Promise<number | null> {
  const fetched = await ask(parts, state, signal, () => timedFetch(parts, state, signal, moved));
  if (fetched === null) return sourceDelay(parts, state);
  const isNew = state.revision?.name !== fetched.revision.name;
  state.revision = fetched.revision;
  if (state.unconfirmed !== null) {
    if (state.unconfirmed.fetched.identity === fetched.identity) return null;
    const goesOn = await whyToGoOn(parts, state, fetched, state.unconfirmed.desired, signal);
    if (goesOn !== null) {
      if (isNew) parts.log.info({ revision: fetched.revision.name, id: state.unconfirmed.id, reason: goesOn }, "trial goes on");
      return null;
    }
    // A fix must not wait until the change that it mends has failed.
    await withdrawChange(parts, state, `Superseded by ${fetched.revision.name}`);
  }
  if (fetched.identity === state.settled && !force) {
    parts.log.debug({ revision: fetched.revision.name }, "nothing new");
    return null;
  }
  if (isNew) {
    const { name, author, subject, signer, rewound } = fetched.revision;
    parts.log.info({ revision: name, author, subject, ...(signer === undefined ? {} : { signer }) }, "new revision");
    if (rewound !== undefined) parts.log.warn({ revision: name, before: rewound }, "new revision does not go on from the one before");
  }
  return readAndBring(parts, state, fetched, "commit", signal);
}

/**
 * Why a change is still tried although there is a newer commit: one that says the same on this host must not give it more time, and one
 * that cannot be applied is nothing to try instead. null when it has to make room.
 */
async function whyToGoOn(
  parts: LoopParts,
  state: LoopState,
  fetched: Fetched,
  desired: string,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const snapshot = await ask(parts, state, signal, () => parts.source.snapshot(fetched, signal).catch(throwFault));
    const digest = snapshot === null ? null : await parts.work.digest(snapshot);
    if (digest === null) return "the newer revision cannot be applied";
    return digest === desired ? "the newer revision says the same" : null;
  } catch (error) {
    signal.throwIfAborted();
    return `the newer revision cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function timedFetch({ source, clock }: LoopParts, { tally }: LoopState, signal: AbortSignal, moved: boolean): Promise<Fetched> {
  const began = clock.elapsed();
  let result: "answered" | "failed" = "failed";
  try {
    const fetched = await source.fetch(signal, moved);
    result = "answered";
    return fetched;
  } finally {
    if (!signal.aborted) {
      tally.fetches[result]++;
      addDuration(tally.fetchTime, clock.elapsed() - began);
    }
  }
}

/** Brings the host again to the revision it is at, because its devices changed. */
export async function syncDevices(parts: LoopParts, state: LoopState, signal: AbortSignal): Promise<number | null> {
  const { unconfirmed, returned } = state;
  state.devicesWait = unconfirmed !== null && returned.length === 0;
  if (state.devicesWait) return null;
  if (unconfirmed !== null) {
    // Its chain is gone with the device: nothing filters there, and no probe has met the change.
    await withdrawChange(parts, state, `${returned.join(", ")} came while it was tried, so that begins anew`);
    return readAndBring(parts, state, unconfirmed.fetched, "device", signal);
  }
  if (state.good !== null && !state.held) {
    const delay = await readAndBring(parts, state, state.good, "device", signal);
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the pass finds out whether the host is held
    if (!state.held) return delay;
  }
  return healLast(parts);
}

/** Brings the host to what was applied last: all that is known while nothing newer is. */
async function healLast({ work, log }: LoopParts): Promise<null> {
  try {
    const outcome = await work.heal(["alert", "heal", "ignore"]);
    if (outcome !== null && outcome.kind !== "unchanged") log.info({ result: outcome.kind }, "brought back to what was applied last");
  } catch (error) {
    if (error instanceof ReconcilerError && error.code === "confirmation-pending") return null;
    log.error({ error }, "not brought back to what was applied last");
  }
  return null;
}

async function readAndBring(parts: LoopParts, state: LoopState, fetched: Fetched, trigger: "commit" | "device", signal: AbortSignal) {
  try {
    const snapshot = await ask(parts, state, signal, () => parts.source.snapshot(fetched, signal).catch(throwFault));
    return snapshot === null ? sourceDelay(parts, state) : await bringTo(parts, state, fetched, snapshot, trigger);
  } catch (error) {
    if (!(error instanceof PolicyFault)) throw error;
    await refuse(parts, state, fetched, error.cause);
    return null;
  }
}

/** It was read; what is in it is wrong, and will be until there is another commit. */
class PolicyFault extends Error {
  override readonly cause: ReconcilerError;

  constructor(cause: ReconcilerError) {
    super(cause.message);
    this.cause = cause;
  }
}

function throwFault(error: unknown): never {
  throw error instanceof ReconcilerError && errorCatalogue[error.code].next === "on-change" ? new PolicyFault(error) : error;
}

/** null when the source failed, which is then remembered and, the first time, logged. */
async function ask<T>(parts: LoopParts, state: LoopState, signal: AbortSignal, question: () => Promise<T>): Promise<T | null> {
  try {
    const answer = await question();
    answered(parts, state);
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PolicyFault) throw error;
    failed(parts, state, error);
    return null;
  }
}

function answered({ log, clock }: LoopParts, state: LoopState): void {
  if (state.sourceFailures > 0) log.info({ failures: state.sourceFailures }, "source answers again");
  state.lastAnswer = clock.now();
  state.sourceFailures = 0;
  state.sourceError = null;
  state.nextTry = null;
}

function failed({ log, source }: LoopParts, state: LoopState, error: unknown): void {
  const code = error instanceof ReconcilerError ? error.code : "source-unreachable";
  const message = error instanceof Error ? error.message : String(error);
  const known = state.sourceError?.message === message;
  state.sourceFailures++;
  state.sourceError = { code, message, hint: error instanceof ReconcilerError ? error.hint : null };
  const fields = { source: source.name, failures: state.sourceFailures, error: describeError(error) };
  if (known) log.debug(fields, "source fails, the host keeps what it has");
  else log.warn(fields, "source fails, the host keeps what it has");
}

function sourceDelay({ clock }: LoopParts, state: LoopState): number {
  const delay = backoffDelay(retryBackoff, state.sourceFailures, clock.random());
  state.nextTry = clock.now() + delay;
  return delay;
}
