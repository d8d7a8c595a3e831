// SPDX-License-Identifier: Apache-2.0
import type { Fetched } from "../1-source/source.ts";
import { hookName } from "../model/hook.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Plan } from "../model/plan.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { describeError } from "./agent-log.ts";
import type { LoopParts } from "./agent-parts.ts";
import type { PassStatus } from "./agent-status.ts";
import { backoffDelay, retryBackoff } from "./backoff.ts";
import { isoTime, type LoopState, pendingHooks } from "./loop-state.ts";
import { mayPass } from "./next-try.ts";
import { addDuration } from "./tally.ts";

/** After so many failures in a row the same revision is left alone until something changes. */
const mostFailures = 8;
/** How soon it is found out that a change which somebody else made was confirmed or taken back. */
const lookAtDecision = 10_000;

/**
 * Brings the host to a revision and remembers how that went. Gives back after how many milliseconds to try again, null when that would
 * not help. Never throws.
 */
export async function bringTo(parts: LoopParts, state: LoopState, fetched: Fetched, snapshot: Snapshot, trigger: "commit" | "device") {
  const { log } = parts;
  state.returned = [];
  try {
    const outcome = await timedPass(parts, state, snapshot, trigger);
    countPass(state, outcome);
    return settle(parts, state, fetched, outcome, trigger);
  } catch (error) {
    if (isPending(error)) return waitForDecision(parts, state, fetched, trigger, error);
    state.tally.passes.failed++;
    remember(parts, state, fetched, trigger, "failed", whyFailed(error));
    if (isNews(state, fetched, error)) log.error({ revision: fetched.revision.name, trigger, error }, "pass failed");
    return mayPass(error) ? nextTry(parts, state) : giveUp(state, fetched);
  }
}

function isPending(error: unknown): error is ReconcilerError {
  return error instanceof ReconcilerError && error.code === "confirmation-pending";
}

/** Somebody tries a change by hand: that is no failure of this revision, which comes after it. */
function waitForDecision(parts: LoopParts, state: LoopState, fetched: Fetched, trigger: string, error: ReconcilerError): number {
  remember(parts, state, fetched, trigger, "waiting", whyFailed(error));
  if (isNews(state, fetched, error))
    parts.log.info({ revision: fetched.revision.name, trigger, reason: error.message, hint: error.hint }, "revision waits");
  state.settled = null;
  return lookAtDecision;
}

async function timedPass({ work, clock, watch }: LoopParts, state: LoopState, snapshot: Snapshot, trigger: "commit" | "device") {
  const began = clock.elapsed();
  try {
    const outcome = await work.pass(snapshot, trigger);
    // Before anybody is told of the new chain: whoever changes it from then on is heard.
    if ((await watch?.rearm()) === true) state.watchesAnew = true;
    return outcome;
  } finally {
    addDuration(state.tally.passTime, clock.elapsed() - began);
  }
}

function countPass({ tally }: LoopState, outcome: Outcome): void {
  if (outcome.kind !== "declined") tally.passes[outcome.kind]++;
  if (outcome.kind === "rolled-back") tally.rollbacks[outcome.during]++;
  if (outcome.kind === "applied" || outcome.kind === "unconfirmed") addDuration(tally.applyTime, outcome.milliseconds);
}

/** A commit that cannot be read as a policy: reported once, and left alone. */
export async function refuse(parts: LoopParts, state: LoopState, fetched: Fetched, error: Error): Promise<void> {
  const { log, work } = parts;
  state.tally.passes.invalid++;
  remember(parts, state, fetched, "commit", "invalid", whyFailed(error));
  log.error({ revision: fetched.revision.name, error }, "revision refused");
  giveUp(state, fetched);
  await work.refuse(fetched.revision, error).catch((cause: unknown) => log.warn({ error: cause }, "history not written"));
}

function settle(parts: LoopParts, state: LoopState, fetched: Fetched, outcome: Outcome, trigger: string): number | null {
  const error = errorOf(outcome);
  remember(parts, state, fetched, trigger, outcome.kind, whyNot(outcome));
  state.held = outcome.kind === "held";
  state.quarantined = outcome.kind === "quarantined" ? { revision: outcome.revision, reason: outcome.reason } : null;
  if ("plan" in outcome) {
    state.pending = pendingHooks(outcome.plan);
    state.interfaces = new Set(outcome.plan.hooks.map(({ hook }) => hook.interface));
  }
  if (error === null || isNews(state, fetched, error)) logOutcome(parts, fetched, outcome, trigger);
  switch (outcome.kind) {
    case "applied":
      state.healed = [];
      state.good = fetched;
      return giveUp(state, fetched);
    case "unchanged":
      state.good = fetched;
      return giveUp(state, fetched);
    case "unconfirmed":
      state.unconfirmed = { id: outcome.id, until: outcome.until, fetched, desired: outcome.plan.desired };
      return giveUp(state, fetched);
    case "rolled-back":
      return mayPass(outcome.error) ? nextTry(parts, state, fetched) : giveUp(state, fetched);
    case "stuck":
      return nextTry(parts, state);
    default:
      return giveUp(state, fetched);
  }
}

/** With a revision given, tries end some time: what it asks for fails on this host, again and again. */
function nextTry({ clock, log }: LoopParts, state: LoopState, fetched: Fetched | null = null): number | null {
  state.passFailures++;
  state.settled = null;
  if (fetched !== null && state.passFailures >= mostFailures) {
    log.error({ revision: fetched.revision.name, failures: state.passFailures }, "revision given up");
    return giveUp(state, fetched);
  }
  return backoffDelay(retryBackoff, state.passFailures, clock.random());
}

function giveUp(state: LoopState, fetched: Fetched): null {
  state.settled = fetched.identity;
  state.passFailures = 0;
  return null;
}

type Why = Pick<PassStatus, "message" | "code">;

function remember({ clock }: LoopParts, state: LoopState, fetched: Fetched, trigger: string, result: string, why: Why): void {
  state.lastPass = { time: isoTime(clock.now()) ?? "", trigger, result, revision: fetched.revision.name, ...why };
}

function whyFailed(error: unknown): Why {
  return { message: error instanceof Error ? error.message : null, code: error instanceof ReconcilerError ? error.code : null };
}

/** The first reason of those that there may be. */
function whyNot(outcome: Outcome): Why {
  switch (outcome.kind) {
    case "rolled-back":
    case "stuck":
      return whyFailed(outcome.error);
    case "refused": {
      const [first] = outcome.plan.refusals;
      return { message: first?.message ?? null, code: first?.code ?? null };
    }
    case "invalid": {
      const first = outcome.diagnostics.find(({ severity }) => severity === "error");
      return { message: first === undefined ? null : `${first.at.file}:${first.at.line}:${first.at.column}: ${first.message}`, code: null };
    }
    default:
      return { message: null, code: null };
  }
}

/** The same failure of the same revision again is not worth a line. */
function isNews(state: LoopState, fetched: Fetched, error: unknown): boolean {
  const failure = `${fetched.identity} ${error instanceof Error ? error.message : String(error)}`;
  const news = failure !== state.lastFailure;
  state.lastFailure = failure;
  return news;
}

function errorOf(outcome: Outcome): unknown {
  return outcome.kind === "rolled-back" || outcome.kind === "stuck" ? outcome.error : null;
}

function logOutcome({ log }: LoopParts, { revision }: Fetched, outcome: Outcome, trigger: string): void {
  const about = { revision: revision.name, author: revision.author, subject: revision.subject, trigger };
  switch (outcome.kind) {
    case "unchanged":
      return log.info({ ...about, pending: pendingHooks(outcome.plan) }, "nothing to change");
    case "applied": {
      const { milliseconds, leftovers, notes, plan } = outcome;
      return log.info(
        { ...about, hooks: changedHooks(plan), pending: pendingHooks(plan), milliseconds, leftovers, notes },
        "revision applied",
      );
    }
    case "refused":
      return log.error(
        { ...about, refusals: outcome.plan.refusals.map(({ code, message, hint }) => ({ code, message, hint })) },
        "revision refused",
      );
    case "invalid": {
      const errors = outcome.diagnostics.filter(({ severity }) => severity === "error");
      const first = errors.slice(0, 20).map(({ at, message, hint }) => ({ at: `${at.file}:${at.line}:${at.column}`, message, hint }));
      return log.error({ ...about, errors: errors.length, diagnostics: first }, "revision refused");
    }
    case "unconfirmed": {
      const { plan, milliseconds, id, until, notes } = outcome;
      return log.info({ ...about, hooks: changedHooks(plan), milliseconds, id, until, notes }, "revision applied, to be confirmed");
    }
    case "quarantined":
      return log.warn({ ...about, failed: outcome.revision, since: outcome.since, reason: outcome.reason }, "revision quarantined");
    case "held":
      return log.warn({ ...about, since: outcome.since }, "revision held back after a rollback");
    case "rolled-back":
      return log.error({ ...about, during: outcome.during, error: outcome.error }, "revision rolled back");
    case "stuck":
      return log.fatal({ ...about, error: outcome.error, undoErrors: outcome.undoErrors.map(describeError) }, "rollback failed");
    case "declined":
  }
}

function changedHooks(plan: Plan): readonly object[] {
  return plan.hooks
    .filter(({ action }) => action !== "unchanged" && action !== "pending")
    .map(({ hook, action, from, to, changes, traffic }) => ({ hook: hookName(hook), action, from, to, changes: changes.length, traffic }));
}
