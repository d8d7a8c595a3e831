// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding, DriftReport } from "../6-report/describe-drift.ts";
import { hookName } from "../model/hook.ts";
import type { Observed, ObservedHook } from "../model/observed.ts";
import type { Plan } from "../model/plan.ts";
import type { HistoryEntry } from "../state/history.ts";
import type { Hold } from "../state/hold.ts";
import type { QuarantineEntry } from "../state/quarantine.ts";
import type { AgentAnswer } from "./agent-client.ts";
import type { Status, StatusHook, StatusUnconfirmed } from "./print-status.ts";

/** All that a status is made of. */
export interface StatusFacts {
  readonly host: string;
  readonly observed: Observed;
  /** Against the policy applied last; null when there is none, or when it can no longer be rendered. */
  readonly comparison: { readonly plan: Plan; readonly report: DriftReport } | null;
  /** Newest first. */
  readonly history: readonly HistoryEntry[];
  readonly hold: Hold | null;
  readonly unfinished: boolean;
  /** A change that waits to be confirmed, and whether a watchdog lives; null when none does. */
  readonly unconfirmed: StatusUnconfirmed | null;
  readonly quarantine: readonly QuarantineEntry[];
  readonly agent: AgentAnswer;
}

/** Puts a status together. Pure. */
export function buildStatus(facts: StatusFacts): Status {
  const { host, observed, comparison, history, hold, unfinished, unconfirmed, quarantine, agent } = facts;
  const findings = comparison?.report.findings.filter((finding) => finding.mode !== "ignore") ?? [];
  const pending = [...pendingHooks(comparison?.plan ?? null)];
  for (const hook of pendingAtAgent(agent)) if (!pending.some((known) => known.hook === hook.hook)) pending.push(hook);
  const missed = new Set(comparison?.report.findings.map(({ hook }) => hookName(hook)));
  const shown = observed.hooks.filter((hook) => isOurs(hook) || missed.has(hookName(hook.hook)));
  const running = shown.map((hook) => statusHook(hook, findings, history));
  const hooks = [...running.filter(({ hook }) => !pending.some((other) => other.hook === hook)), ...pending];
  return {
    format: "1.0",
    kind: "status",
    host,
    state: stateOf(facts, findings.length, pending.length),
    revision: observed.applied?.revision ?? null,
    agent,
    hold,
    unfinished,
    unconfirmed,
    quarantine,
    last: history[0] ?? null,
    drift: comparison === null ? null : findings.length,
    hooks: hooks.sort((a, b) => (a.hook < b.hook ? -1 : 1)),
  };
}

/** What needs a person comes first. */
function stateOf({ observed, hold, unfinished, unconfirmed }: StatusFacts, drift: number, pending: number): Status["state"] {
  if (unconfirmed !== null) return "unconfirmed";
  if (unfinished) return "unfinished";
  if (hold !== null) return "held";
  if (drift > 0) return "drifted";
  if (pending > 0) return "pending";
  return observed.applied === null ? "nothing-applied" : "running";
}

/** Of hooks that the plan looked at and that have nothing of ours, nothing is told, unless somebody has taken all of it away. */
function isOurs(hook: ObservedHook): boolean {
  return hook.link !== null || hook.generations.length > 0;
}

/** What nothing was applied of yet, only the agent knows to be waiting. */
function pendingAtAgent(agent: AgentAnswer): readonly StatusHook[] {
  if (agent.kind !== "alive") return [];
  return agent.status.pending.map((hook) => ({ ...waiting, hook }));
}

const waiting = { state: "pending", mode: null, generation: null, steps: 0, drift: 0, foreign: 0, changed: null } as const;

function pendingHooks(plan: Plan | null): readonly StatusHook[] {
  const pending = plan?.hooks.filter((hook) => hook.action === "pending") ?? [];
  return pending.map(({ hook, to, changes, unchanged }) => ({
    ...waiting,
    hook: hookName(hook),
    generation: to,
    steps: unchanged + changes.filter((change) => change.kind === "add-step").length,
  }));
}

function statusHook(hook: ObservedHook, findings: readonly DriftFinding[], history: readonly HistoryEntry[]): StatusHook {
  const name = hookName(hook.hook);
  const running = hook.generations.find((generation) => generation.running);
  return {
    hook: name,
    state: hookState(hook),
    mode: hook.mode,
    generation: running?.id ?? null,
    steps: running?.manifest?.steps.length ?? 0,
    drift: findings.filter((finding) => hookName(finding.hook) === name).length,
    foreign: hook.foreign.length,
    changed: history.find((entry) => entry.hooks.some((changed) => changed.hook === name))?.time ?? null,
  };
}

function hookState(hook: ObservedHook): StatusHook["state"] {
  if (hook.link === null) return "detached";
  const running = hook.generations.find((generation) => generation.running);
  return running?.intact === true && hook.link.ifindex !== 0 ? "running" : "broken";
}
