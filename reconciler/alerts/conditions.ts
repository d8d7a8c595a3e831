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
  const untilPass = [
    "SluicePassFailed",
    "SluiceTestsFailed",
    "SluiceRolledBack",
    "SluiceConfirmationPending",
    "SluiceHeld",
    "SluicePending",
  ];
  return new Set([
    ...unknownOfSource(source),
    ...(lastPass === null ? untilPass : []),
    ...(drift === null && watchesDrift ? ["SluiceDrift"] : []),
  ]);
}

/** One that answers with what is not taken can be reached; one that goes back had a good signature. */
function unknownOfSource({ state, error }: AgentStatus["source"]): readonly string[] {
  if (state === "answers" || error?.code === "source-rewound") return [];
  if (error !== null && stalledCodes.has(error.code)) return ["SluiceSourceRewound"];
  return ["SluiceSourceFailing", "SluiceSourceRewound", "SluiceStalled"];
}

/** What the source has will not do, however often it is asked, until somebody changes something. */
const stalledCodes: ReadonlySet<string> = new Set(["source-ref-missing", "source-refused", "source-unverified", "source-invalid"]);

function ofSource({ source, lastPass }: AgentStatus): readonly Condition[] {
  const labels = { source: source.name };
  const { error } = source;
  if (error === null) {
    if (lastPass?.code !== "source-invalid") return [];
    const { revision, message } = lastPass;
    const summary = `What the repository has is no policy: ${sanitise(message ?? lastPass.result)}`;
    const description = "The host keeps what it had until there is another commit. Next: sluice history --limit 1";
    return [condition({ name: "SluiceStalled", severity: "warning", labels, revision, summary, description })];
  }
  const isStalled = stalledCodes.has(error.code);
  const isSure = error.code === "source-unverified" || source.failures >= failuresToTell;
  if (error.code === "source-rewound" || !isSure) return [];
  const description = `${hint(error.hint)}What runs is still healed. Next: sluice status`;
  const summary = `${isStalled ? "What the repository has is not taken" : "The policy cannot be read"}: ${sanitise(error.message)}`;
  const name = isStalled ? "SluiceStalled" : "SluiceSourceFailing";
  return [condition({ name, severity: "warning", labels, revision: null, summary, description })];
}

/** At once: this is not for a server that restarts to be mistaken for. */
function ofRewound({ source, revision }: AgentStatus): readonly Condition[] {
  const about = { name: "SluiceSourceRewound", severity: "warning", labels: { source: source.name } } as const;
  if (source.error?.code === "source-rewound") {
    const description = `It was not taken. ${hint(source.error.hint)}Next: sluice status`;
    return [condition({ ...about, revision: null, summary: sanitise(source.error.message), description })];
  }
  if (revision?.rewound === undefined) return [];
  const summary = `Revision ${sanitise(revision.name)} does not go on from ${sanitise(revision.rewound)}, which was there before`;
  const description =
    "It was taken. Somebody has rewound or rewritten the branch, or a server offers an older commit again. A commit that goes on from it clears this, and so does sluice apply --repo URL by hand, where it was meant. Next: sluice history";
  return [condition({ ...about, revision: revision.name, summary, description })];
}

/** How a pass ends that leaves the host with something else than the policy says. What is quarantined or held is told as that. */
const failedResults: ReadonlySet<string> = new Set(["refused", "invalid", "rolled-back", "stuck", "failed"]);

function ofPass({ lastPass }: AgentStatus): readonly Condition[] {
  if (lastPass === null || !failedResults.has(lastPass.result) || lastPass.code === "source-invalid") return [];
  const { result, revision, message, code } = lastPass;
  if (code === "tests-failed") {
    const summary = `Packet tests of revision ${sanitise(revision)} fail: ${sanitise(message ?? result)}`;
    const description = "It was not applied; the host keeps what it had. Next: sluice test";
    return [condition({ name: "SluiceTestsFailed", severity: "warning", labels: {}, revision, summary, description })];
  }
  const stuck = result === "stuck";
  const summary = `Revision ${sanitise(revision)} was not applied: ${sanitise(message ?? result)}`;
  const host = stuck ? "The host is between two policies." : "The host keeps what it had.";
  const description = `${host} Next: sluice ${stuck ? "rescue" : "history --limit 1"}`;
  const severity = stuck ? "critical" : "warning";
  return [condition({ name: "SluicePassFailed", severity, labels: { result }, revision, summary, description })];
}

/** By the revision that failed here, not by what git has now: that may be another commit with the same content. */
function ofQuarantine({ quarantined }: AgentStatus): readonly Condition[] {
  if (quarantined === null) return [];
  const { revision, reason } = quarantined;
  const summary = `Revision ${sanitise(revision)} was taken back: ${sanitise(reason)}`;
  const description =
    "It is not tried again here; what was good before runs and is healed. A commit with other content clears this. Next: sluice history";
  return [condition({ name: "SluiceRolledBack", severity: "critical", labels: { revision }, revision, summary, description })];
}

function ofConfirmation({ unconfirmed }: AgentStatus): readonly Condition[] {
  if (unconfirmed === null) return [];
  const { id, revision, until } = unconfirmed;
  const summary = `Revision ${sanitise(revision)} waits to be confirmed`;
  const description = `It is taken back at ${until} unless it is. Next: sluice confirm ${id}, or sluice abort ${id}`;
  return [condition({ name: "SluiceConfirmationPending", severity: "info", labels: {}, revision, summary, description })];
}

function ofDrift({ drift }: AgentStatus): readonly Condition[] {
  return (drift?.findings ?? []).map((finding) => {
    const { class: kind, hook, place, expected, found, mode } = finding;
    const labels = { hook: hookName(hook), place, kind };
    const summary = `${kind} at ${sanitise(hookName(hook))}, ${sanitise(place)}: expected ${sanitise(expected)}, found ${sanitise(found)}`;
    const isContested = drift?.contested.includes(`${hookName(hook)} ${place}`) === true;
    const healing = mode === "heal" ? "It is healed." : "It is left as it is.";
    const does = isContested ? "It comes back whenever it is healed, so it is left alone for ten minutes." : healing;
    const severity = kind === "missing" ? "critical" : "warning";
    const description = `${sinceWhen(finding)} ${does} Next: sluice drift`;
    return condition({ name: "SluiceDrift", severity, labels, revision: null, summary, description });
  });
}

function sinceWhen({ since, count, culprit }: KnownDrift): string {
  const who = culprit === null ? "" : `, by ${printCulprit(culprit)}`;
  const often = count === 1 ? "" : `, ${count} times since the agent started`;
  return `Since ${since}${often}${who}.`;
}

function ofHost({ held, pending }: AgentStatus): readonly Condition[] {
  const next = "It goes on when git has something else, or when somebody applies a policy. Next: sluice apply";
  const about = { severity: "info", revision: null } as const;
  const summary = "A rollback by hand holds this host";
  return [
    ...(held ? [condition({ ...about, name: "SluiceHeld", labels: {}, summary, description: next })] : []),
    ...pending.map((hook) =>
      condition({
        ...about,
        name: "SluicePending",
        labels: { hook },
        summary: `${sanitise(hook)} waits for its interface`,
        description: "It gets its chain when the device appears",
      }),
    ),
  ];
}

/** With labels and revision that are safe to print; summary and description are so already. */
function condition({ labels, revision, ...others }: Condition): Condition {
  const safe = Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, sanitise(value)]));
  return { ...others, labels: safe, revision: revision === null ? null : sanitise(revision) };
}

function hint(text: string | null): string {
  return text === null ? "" : `${sanitise(text)}. `;
}
