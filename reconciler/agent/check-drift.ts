// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding } from "../6-report/describe-drift.ts";
import { hookName } from "../model/hook.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import type { LoopParts } from "./agent-parts.ts";
import { backoffDelay, healBackoff } from "./backoff.ts";
import { pause } from "./clock.ts";
import { afterHeal, afterLook, knownDrift, placeOf } from "./drift-places.ts";
import { isoTime, type LoopState } from "./loop-state.ts";
import { addDuration } from "./tally.ts";

/** A map cannot be read in one moment, and another of our commands may be at work: only what is seen twice is drift. */
const lookAgainAfter = 1_000;

/** The same where a call of another process was heard: what it did is done. */
const lookAgainSoon = 5;

/** Who heals the same place so often in so long a time has somebody against him. */
const mostHeals = 5;
const healWindow = 600_000;

/**
 * Compares the kernel with what was applied last, reports what is new about the difference, and heals where that is wanted. Gives back
 * after how many milliseconds to look again, null when the usual interval will do. Never throws.
 */
export async function checkDrift(parts: LoopParts, state: LoopState, signal: AbortSignal, heard = false): Promise<number | null> {
  const { log } = parts;
  try {
    const seen = await seenTwice(parts, state, signal, heard ? lookAgainSoon : lookAgainAfter);
    if (seen === null) return null;
    report(parts, state, seen);
    const { findings } = seen;
    const wanted = findings.filter(({ mode }) => mode === "heal");
    leaveContested(parts, state, wanted);
    const mended = wanted.filter((finding) => !state.contested.includes(placeOf(finding)));
    const next = mended.length === 0 ? null : await healDrift(parts, state, wanted);
    return seen.isSure ? next : Math.min(next ?? lookAgainAfter, lookAgainAfter);
  } catch (error) {
    if (error instanceof ReconcilerError && error.code === "state-locked") {
      log.debug({ error }, "drift not looked for");
      return lookAgainAfter;
    }
    log.error({ error }, "drift check failed");
    return null;
  }
}

interface Look {
  readonly findings: readonly DriftFinding[];
  /** What had been heard when it began. */
  readonly mark: number;
}

interface Seen extends Look {
  /** Nothing has been seen that is still to be seen a second time. */
  readonly isSure: boolean;
}

/** What is wrong in the same way at the same place in two looks, or is known already; null when nobody can tell. */
async function seenTwice(parts: LoopParts, state: LoopState, signal: AbortSignal, wait: number): Promise<Seen | null> {
  const first = await look(parts);
  if (first === null) return null;
  if (first.findings.length === 0) return { ...first, isSure: true };
  await pause(parts.clock, wait, signal);
  if (signal.aborted) return null;
  const second = await look(parts);
  if (second === null) return null;
  const known = [...first.findings, ...state.drift];
  const findings = second.findings.filter((finding) => known.some((other) => isSame(other, finding)));
  return { ...second, findings, isSure: findings.length === second.findings.length };
}

async function look({ work, watch, settings }: LoopParts): Promise<Look | null> {
  const mark = watch?.heard() ?? 0;
  const result = await work.drift();
  if (result.kind !== "checked") return null;
  const findings = result.report.findings.filter(({ mode }) => mode !== "ignore");
  // What the agent was started with counts for every chain that does not say more.
  return { findings: settings.driftMode === "heal" ? findings.map((finding) => ({ ...finding, mode: "heal" })) : findings, mark };
}

/** However much of a map differs by now: it is the same drift. */
function isSame(one: DriftFinding, other: DriftFinding): boolean {
  return one.class === other.class && placeOf(one) === placeOf(other);
}

function report({ clock, log, watch }: LoopParts, state: LoopState, { findings, mark, isSure }: Seen): void {
  const before = state.drift;
  const now = clock.now();
  state.driftChecked = now;
  state.driftPlaces = afterLook(state.driftPlaces, findings, isoTime(now) ?? "", isSure ? mark : state.driftPlaces.mark);
  state.drift = knownDrift(state.driftPlaces, { findings, before }, (finding, since) => watch?.culprit(finding, since) ?? null);
  for (const { hook, place, since } of before.filter((known) => !findings.some((finding) => placeOf(finding) === placeOf(known))))
    log.info({ hook: hookName(hook), place, seconds: Math.round((now - Date.parse(since)) / 1_000) }, "drift is gone");
  for (const finding of state.drift.filter((one) => !before.some((known) => isSame(known, one))))
    log.warn({ ...finding, hook: hookName(finding.hook) }, "drift found");
  if (findings.length > 0) return;
  state.heals = 0;
  state.healNotBefore = 0;
}

/** Places that somebody brings back to what they were whenever we heal them: told once, and left alone for a while. */
function leaveContested({ clock, log }: LoopParts, state: LoopState, wanted: readonly DriftFinding[]): void {
  state.healed = state.healed.filter(({ at }) => at > clock.elapsed() - healWindow);
  const before = state.contested;
  const contested = wanted.filter((finding) => state.healed.filter(({ place }) => place === placeOf(finding)).length >= mostHeals);
  state.contested = contested.map(placeOf);
  for (const finding of contested) {
    if (before.includes(placeOf(finding))) continue;
    const { hook, place } = finding;
    const culprit = state.drift.find((known) => isSame(known, finding))?.culprit ?? null;
    log.error({ hook: hookName(hook), place, heals: mostHeals, culprit }, "drift comes back whenever it is healed, left alone");
  }
}

/** What does not help is tried less and less often. */
async function healDrift(
  { clock, log, work, settings, watch }: LoopParts,
  state: LoopState,
  wanted: readonly DriftFinding[],
): Promise<number> {
  if (clock.elapsed() < state.healNotBefore) return state.healNotBefore - clock.elapsed();
  state.heals++;
  state.healNotBefore = clock.elapsed() + backoffDelay(healBackoff, state.heals, clock.random());
  const mark = watch?.heard() ?? 0;
  const outcome = await work.heal(settings.driftMode === "heal" ? ["alert", "heal"] : ["heal"]).catch((error: unknown) => {
    state.tally.heals.failed++;
    throw error;
  });
  if (outcome?.kind === "applied") {
    state.tally.heals.healed++;
    addDuration(state.tally.applyTime, outcome.milliseconds);
    log.info({ attempt: state.heals, milliseconds: outcome.milliseconds }, "drift healed");
    state.driftPlaces = afterHeal(state.driftPlaces, wanted, mark);
    state.healed.push(...wanted.map((finding) => ({ place: placeOf(finding), at: clock.elapsed() })));
    return lookAgainAfter;
  }
  state.tally.heals[outcome?.kind === "refused" ? "refused" : "failed"]++;
  log.error({ attempt: state.heals, result: outcome?.kind ?? "none" }, "drift not healed");
  return state.healNotBefore - clock.elapsed();
}
