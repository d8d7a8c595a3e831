// SPDX-License-Identifier: Apache-2.0
import type { Host } from "./host.ts";
import { hookName } from "./model/hook.ts";
import type { Outcome } from "./model/outcome.ts";
import type { Plan } from "./model/plan.ts";
import type { Revision, Snapshot } from "./model/snapshot.ts";
import { readApplied, writeApplied } from "./state/applied.ts";
import { aboutRevision, appendHistory, type HistoryEntry, type HistoryHook } from "./state/history.ts";
import { clearHold } from "./state/hold.ts";
import { readUndo } from "./state/journal.ts";
import { readLastSnapshot, writeLastSnapshot } from "./state/last-snapshot.ts";
import { clearSeen } from "./state/seen.ts";

/**
 * Writes down how a pass ended and gives the outcome back. The kernel is already what the outcome says: what cannot be written
 * becomes a note, not a failure. `snapshot` is null for a saved plan.
 */
export async function recordOutcome(host: Host, snapshot: Snapshot | null, trigger: string, outcome: Outcome): Promise<Outcome> {
  const notes: string[] = [];
  const attempt = (work: Promise<void>) =>
    work.then(
      () => true,
      (error: unknown) => {
        notes.push(error instanceof Error ? error.message : String(error));
        return false;
      },
    );
  if (outcome.kind === "applied") {
    const before = await readApplied(host.state).catch(() => null);
    const isNew = before?.desired !== outcome.plan.desired;
    // Healing brings back what the host is held at.
    if (isNew) await attempt(clearHold(host.state));
    // In this order: while "applied" is the old one, the next pass knows that there is something left to write.
    const isKept = snapshot === null || (await attempt(writeLastSnapshot(host.state, snapshot, isNew)));
    if (isKept) await attempt(writeApplied(host.state, outcome.plan.applied));
  }
  const entry = historyEntry(host, snapshot, trigger, outcome);
  if (entry !== null) await attempt(appendHistory(host.state, entry));
  return outcome.kind === "applied" ? { ...outcome, notes: [...outcome.notes, ...notes] } : outcome;
}

/**
 * Writes down that the kernel is already what a policy says, where the record says something else: the policy changed nothing in the
 * kernel, or the pass that did could not write any more. Throws ReconcilerError "state-unwritable".
 */
export async function recordUnchanged(host: Host, snapshot: Snapshot, { applied }: Plan): Promise<void> {
  const [before, last] = [await readApplied(host.state), await readLastSnapshot(host.state)];
  // The way back leads from here to the recorded policy: it is the one before, unless that has been written down.
  const undo = await readUndo(host.state);
  const isUnfinished = before !== null && undo?.kind === "found" && undo.journal.applied?.desired === before.desired;
  await writeLastSnapshot(host.state, snapshot, isUnfinished && !hasSameFiles(last, snapshot));
  await writeApplied(host.state, applied);
}

/** A commit that somebody applied by hand is what the next one has to go on from, whatever was seen before. */
export async function recordChoice(host: Host, trigger: string, { commit }: Revision): Promise<void> {
  if (trigger !== "command" || commit === null) return;
  await clearSeen(host.state).catch((error: unknown) => host.warn?.(error instanceof Error ? error.message : String(error)));
}

function hasSameFiles(one: Snapshot | null, other: Snapshot): boolean {
  if (one?.files.size !== other.files.size) return false;
  return [...other.files].every(([path, content]) => Buffer.compare(one.files.get(path) ?? missing, content) === 0);
}

const missing = Buffer.from("\0");

/** null for what changed nothing and failed at nothing. */
function historyEntry(host: Host, snapshot: Snapshot | null, trigger: string, outcome: Outcome): HistoryEntry | null {
  if (outcome.kind === "unchanged" || outcome.kind === "declined" || outcome.kind === "held") return null;
  if (outcome.kind === "unconfirmed" || outcome.kind === "quarantined") return null;
  const plan = outcome.kind === "invalid" ? null : outcome.plan;
  const revision: Revision | undefined = snapshot?.revision ?? plan?.revision;
  return {
    time: new Date(host.now()).toISOString(),
    ...(revision === undefined ? { revision: "", author: null, subject: null } : aboutRevision(revision)),
    result: outcome.kind,
    hooks: outcome.kind === "applied" ? changedHooks(outcome.plan) : [],
    milliseconds: outcome.kind === "applied" ? outcome.milliseconds : 0,
    message: messageOf(outcome),
    trigger,
  };
}

function changedHooks(plan: Plan): readonly HistoryHook[] {
  const changed = plan.hooks.filter((hook) => hook.action !== "unchanged" && hook.action !== "pending");
  return changed.map(({ hook, from, to }) => ({ hook: hookName(hook), from, to }));
}

function messageOf(outcome: Outcome): string | null {
  switch (outcome.kind) {
    case "refused":
      return outcome.plan.refusals.map((refusal) => refusal.message).join("; ");
    case "invalid":
      return outcome.diagnostics.map(({ at, message }) => `${at.file}:${at.line}:${at.column}: ${message}`)[0] ?? null;
    case "rolled-back":
    case "stuck":
      return outcome.error instanceof Error ? outcome.error.message : String(outcome.error);
    default:
      return null;
  }
}
