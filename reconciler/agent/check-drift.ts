// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding } from "../6-report/describe-drift.ts";
import { hookName } from "../model/hook.ts";
import type { LoopParts } from "./agent-parts.ts";
import { backoffDelay, healBackoff } from "./backoff.ts";
import { pause } from "./clock.ts";
import type { LoopState } from "./loop-state.ts";
import { addDuration } from "./tally.ts";

/** A map cannot be read in one moment, and another of our commands may be at work: only what is seen twice is drift. */
const lookAgainAfter = 1_000;

/** The same where a call of another process was heard: what it did is done. */
const lookAgainSoon = 15;

/** Who heals the same place so often in so long a time has somebody against him. */
const mostHeals = 5;
const healWindow = 600_000;

/**
 * Compares the kernel with what was applied last, reports what is new about the difference, and heals where that is wanted. Gives back
 * after how many milliseconds to look again, null when the usual interval will do. Never throws.
 */
export async function checkDrift(parts: LoopParts, state: LoopState, signal: AbortSignal, heard = false): Promise<number | null> {
  const { clock, log } = parts;
  try {
    const findings = await confirmed(parts, signal, heard ? lookAgainSoon : lookAgainAfter);
    if (findings === null) return null;
    state.driftChecked = clock.now();
    report(parts, state, findings);
    const wanted = findings.filter((finding) => wantsHealing(parts, finding));
    leaveContested(parts, state, wanted);
    const mended = wanted.filter((finding) => !state.contested.includes(placeOf(finding)));
    return mended.length === 0 ? null : await healDrift(parts, state, wanted);
  } catch (error) {
    log.error({ error }, "drift check failed");
    return null;
  }
}

/** null when nobody can tell yet: nothing applied, or two looks that differ. */
async function confirmed(parts: LoopParts, signal: AbortSignal, wait: number): Promise<readonly DriftFinding[] | null> {
  const first = await look(parts);
  if (first === null || first.length === 0) return first;
  await pause(parts.clock, wait, signal);
  if (signal.aborted) return null;
  const second = await look(parts);
  return second !== null && (second.length === 0 || same(first, second)) ? second : null;
}

async function look({ work }: LoopParts): Promise<readonly DriftFinding[] | null> {
  const result = await work.drift();
  return result.kind === "checked" ? result.report.findings.filter(({ mode }) => mode !== "ignore") : null;
}

function report({ clock, log, watch }: LoopParts, state: LoopState, findings: readonly DriftFinding[]): void {
  if (same(findings, state.drift)) return;
  const before = state.drift;
  state.drift = findings;
  state.culprits = findings.map((finding) => watch?.culprit(finding) ?? null);
  if (findings.length === 0) {
    log.info({ seconds: Math.round((clock.now() - (state.driftSince ?? clock.now())) / 1_000) }, "drift is gone");
    state.driftSince = null;
    state.heals = 0;
    state.healNotBefore = 0;
    return;
  }
  state.driftSince ??= clock.now();
  for (const [index, finding] of findings.entries()) {
    if (before.some((known) => same(known, finding))) continue;
    const culprit = state.culprits[index] ?? null;
    log.warn({ ...finding, hook: hookName(finding.hook), ...(culprit === null ? {} : { culprit }) }, "drift found");
  }
}

function wantsHealing({ settings }: LoopParts, finding: DriftFinding): boolean {
  return finding.mode === "heal" || settings.driftMode === "heal";
}

/** Places that somebody brings back to what they were whenever we heal them: told once, and left alone for a while. */
function leaveContested({ clock, log, watch }: LoopParts, state: LoopState, wanted: readonly DriftFinding[]): void {
  state.healed = state.healed.filter(({ at }) => at > clock.now() - healWindow);
  const before = state.contested;
  const contested = wanted.filter((finding) => state.healed.filter(({ place }) => place === placeOf(finding)).length >= mostHeals);
  state.contested = contested.map(placeOf);
  for (const finding of contested) {
    if (before.includes(placeOf(finding))) continue;
    const culprit = watch?.culprit(finding) ?? null;
    const about = { hook: hookName(finding.hook), place: finding.place, heals: mostHeals, ...(culprit === null ? {} : { culprit }) };
    log.error(about, "drift comes back whenever it is healed, left alone");
  }
}

function placeOf({ hook, place }: DriftFinding): string {
  return `${hookName(hook)} ${place}`;
}

/** What does not help is tried less and less often. */
async function healDrift({ clock, log, work, settings }: LoopParts, state: LoopState, wanted: readonly DriftFinding[]): Promise<number> {
  if (clock.now() < state.healNotBefore) return state.healNotBefore - clock.now();
  state.heals++;
  state.healNotBefore = clock.now() + backoffDelay(healBackoff, state.heals, clock.random());
  const outcome = await work.heal(settings.driftMode === "heal" ? ["alert", "heal"] : ["heal"]).catch((error: unknown) => {
    state.tally.heals.failed++;
    throw error;
  });
  if (outcome?.kind === "applied") {
    state.tally.heals.healed++;
    addDuration(state.tally.applyTime, outcome.milliseconds);
    log.info({ attempt: state.heals, milliseconds: outcome.milliseconds }, "drift healed");
    state.healed.push(...wanted.map((finding) => ({ place: placeOf(finding), at: clock.now() })));
    return lookAgainAfter;
  }
  state.tally.heals[outcome?.kind === "refused" ? "refused" : "failed"]++;
  log.error({ attempt: state.heals, result: outcome?.kind ?? "none" }, "drift not healed");
  return state.healNotBefore - clock.now();
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
