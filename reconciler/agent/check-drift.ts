// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding } from "../6-report/describe-drift.ts";
import { hookName } from "../model/hook.ts";
import type { LoopParts } from "./agent-parts.ts";
import { backoffDelay, healBackoff } from "./backoff.ts";
import { pause } from "./clock.ts";
import type { LoopState } from "./loop-state.ts";

/** A map cannot be read in one moment, and another of our commands may be at work: only what is seen twice is drift. */
const lookAgainAfter = 1_000;

/** The same where a call of another process was heard: what it did is done. */
const lookAgainSoon = 15;

/** Compares the kernel with what was applied last, reports what is new about the difference, and heals where that is wanted. Never throws. */
export async function checkDrift(parts: LoopParts, state: LoopState, signal: AbortSignal, heard = false): Promise<void> {
  const { clock, log } = parts;
  try {
    const findings = await confirmed(parts, signal, heard ? lookAgainSoon : lookAgainAfter);
    if (findings === null) return;
    state.driftChecked = clock.now();
    report(parts, state, findings);
    if (findings.some((finding) => wantsHealing(parts, finding))) await healDrift(parts, state);
  } catch (error) {
    log.error({ error }, "drift check failed");
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

/** Somebody who undoes what we heal would make us do it for ever: each time in a row we wait longer. */
async function healDrift({ clock, log, work, settings }: LoopParts, state: LoopState): Promise<void> {
  if (clock.now() < state.healNotBefore) return;
  state.heals++;
  state.healNotBefore = clock.now() + backoffDelay(healBackoff, state.heals, clock.random());
  const outcome = await work.heal(settings.driftMode === "heal" ? ["alert", "heal"] : ["heal"]);
  if (outcome?.kind === "applied") log.info({ attempt: state.heals, milliseconds: outcome.milliseconds }, "drift healed");
  else log.error({ attempt: state.heals, result: outcome?.kind ?? "none" }, "drift not healed");
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
