// SPDX-License-Identifier: Apache-2.0
import { printCulprit } from "../6-report/print-culprit.ts";
import { sanitise } from "../6-report/sanitise.ts";
import type { AgentStatus, KnownDrift } from "../agent/agent-status.ts";
import { hookName } from "../model/hook.ts";
import type { Condition } from "./alert.ts";

/** A source that fails once or twice may be a git server that restarts. */
const failuresToTell = 3;

/** What is not as it should be, by what the agent says of itself. Pure: the same status gives the same conditions. */
export function conditionsOf(status: AgentStatus): readonly Condition[] {
  return [
    ...ofSource(status),
    ...ofRewound(status),
    ...ofPass(status),
    ...ofQuarantine(status),
    ...ofConfirmation(status),
    ...ofDrift(status),
    ...ofHost(status),
  ];
}

/**
 * Names of conditions that the status does not know about yet, because the agent has just started: what fires of them is not over. A source
 * that has begun to fail again is not known to be well either.
 */
export function unknownConditions({ source, lastPass, drift }: AgentStatus, watchesDrift: boolean): ReadonlySet<string> {
  const untilPass = ["SluicePassFailed", "SluiceRolledBack", "SluiceConfirmationPending", "SluiceHeld", "SluicePending"];
  return new Set([
    ...(source.state === "answers" ? [] : ["SluiceSourceFailing", "SluiceSourceRewound"]),
    ...(lastPass === null ? untilPass : []),
    ...(drift === null && watchesDrift ? ["SluiceDrift"] : []),
  ]);
}

function ofSource({ source }: AgentStatus): readonly Condition[] {
  if (source.error === null || source.error.code === "source-rewound" || source.failures < failuresToTell) return [];
  const summary = `The policy cannot be read: ${sanitise(source.error.message)}`;
  const description = `What was applied last goes on, and is still healed. ${hint(source.error.hint)}Next: sluice status`;
  return [condition("SluiceSourceFailing", "warning", { source: source.name }, summary, description)];
}

/** At once: this is not for a server that restarts to be mistaken for. */
function ofRewound({ source, revision }: AgentStatus): readonly Condition[] {
  const labels = { source: source.name };
  if (source.error?.code === "source-rewound") {
    const description = `It was not taken. ${hint(source.error.hint)}Next: sluice status`;
    return [condition("SluiceSourceRewound", "warning", labels, sanitise(source.error.message), description)];
  }
  if (revision?.rewound === undefined) return [];
  const summary = `Revision ${sanitise(revision.name)} does not go on from ${sanitise(revision.rewound)}, which was applied before`;
  const description =
    "It was taken. Somebody has rewound or rewritten the branch, or a server offers an older commit again. A commit that goes on from it clears this. Next: sluice history";
  return [condition("SluiceSourceRewound", "warning", labels, summary, description)];
}

/** How a pass ends that leaves the host with something else than the policy says. What is quarantined or held is told as that. */
const failedResults: ReadonlySet<string> = new Set(["refused", "invalid", "rolled-back", "stuck", "failed"]);

function ofPass({ lastPass }: AgentStatus): readonly Condition[] {
  if (lastPass === null || !failedResults.has(lastPass.result)) return [];
  const stuck = lastPass.result === "stuck";
  const summary = `Revision ${sanitise(lastPass.revision)} was not applied: ${sanitise(lastPass.message ?? lastPass.result)}`;
  const host = stuck ? "The host is between two policies." : "The host keeps what it had.";
  const description = `${host} Next: sluice ${stuck ? "rescue" : "history --limit 1"}`;
  return [condition("SluicePassFailed", stuck ? "critical" : "warning", { result: lastPass.result }, summary, description)];
}

function ofQuarantine({ quarantined }: AgentStatus): readonly Condition[] {
  if (quarantined === null) return [];
  const summary = `Revision ${sanitise(quarantined.revision)} was taken back: ${sanitise(quarantined.reason)}`;
  const description =
    "It is not tried again here; what was good before runs and is healed. A commit with other content clears this. Next: sluice history";
  return [condition("SluiceRolledBack", "critical", {}, summary, description)];
}

function ofConfirmation({ unconfirmed }: AgentStatus): readonly Condition[] {
  if (unconfirmed === null) return [];
  const summary = `Revision ${sanitise(unconfirmed.revision)} waits to be confirmed`;
  const description = `It is taken back at ${unconfirmed.until} unless it is. Next: sluice confirm ${unconfirmed.id}, or sluice abort ${unconfirmed.id}`;
  return [condition("SluiceConfirmationPending", "info", {}, summary, description)];
}

function ofDrift({ drift }: AgentStatus): readonly Condition[] {
  return (drift?.findings ?? []).map((finding) => {
    const { class: kind, hook, place, expected, found, mode } = finding;
    const labels = { hook: hookName(hook), place, kind };
    const summary = `${kind} at ${sanitise(hookName(hook))}, ${sanitise(place)}: expected ${sanitise(expected)}, found ${sanitise(found)}`;
    const isContested = drift?.contested.includes(`${hookName(hook)} ${place}`) === true;
    const healing = mode === "heal" ? "It is healed." : "It is left as it is.";
    const does = isContested ? "It comes back whenever it is healed, so it is left alone for ten minutes." : healing;
    const description = `${sinceWhen(finding)} ${does} Next: sluice drift`;
    return condition("SluiceDrift", kind === "missing" ? "critical" : "warning", labels, summary, description);
  });
}

function sinceWhen({ since, count, culprit }: KnownDrift): string {
  const who = culprit === null ? "" : `, by ${printCulprit(culprit)}`;
  const often = count === 1 ? "" : `, ${count} times since the agent started`;
  return `Since ${since}${often}${who}.`;
}

function ofHost({ held, pending }: AgentStatus): readonly Condition[] {
  const next = "It goes on when git has something else, or with: sluice rollback --clear";
  return [
    ...(held ? [condition("SluiceHeld", "info", {}, "A rollback by hand holds this host", next)] : []),
    ...pending.map((hook) =>
      condition(
        "SluicePending",
        "info",
        { hook },
        `${sanitise(hook)} waits for its interface`,
        "It gets its chain when the device appears",
      ),
    ),
  ];
}

function condition(
  name: string,
  severity: Condition["severity"],
  labels: Condition["labels"],
  summary: string,
  description: string,
): Condition {
  const safe = Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, sanitise(value)]));
  return { name, severity, labels: safe, summary, description };
}

function hint(text: string | null): string {
  return text === null ? "" : `${sanitise(text)}. `;
}
