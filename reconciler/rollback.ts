// SPDX-License-Identifier: Apache-2.0
import { dirname } from "node:path";
import type { Pin } from "../bpf/kernel/kernel.ts";
import { type Progress, performOrUndo, UndoFailed, undoing } from "./5-apply/perform.ts";
import type { Host } from "./host.ts";
import { hookName } from "./model/hook.ts";
import type { Journal } from "./model/journal.ts";
import type { Operation } from "./model/operation.ts";
import { objectsOf } from "./objects.ts";
import { locked } from "./reconcile.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import { missingPin } from "./require-pins.ts";
import { readApplied, writeApplied } from "./state/applied.ts";
import { aboutRevision, appendHistory, type HistoryHook } from "./state/history.ts";
import { clearHold, readHold, writeHold } from "./state/hold.ts";
import { archiveJournal, clearJournal, readUndo, writeJournal } from "./state/journal.ts";
import { swapLastSnapshots } from "./state/last-snapshot.ts";

/** What a rollback did. */
export interface RolledBackTo {
  /** Revision.name that was undone. */
  readonly undone: string;
  /** Revision.name that runs now; null when nothing ran before. */
  readonly revision: string | null;
  readonly hooks: readonly HistoryHook[];
  readonly milliseconds: number;
  /** What could not be written down: the kernel is rolled back all the same. */
  readonly notes: readonly string[];
}

export interface RollbackOptions {
  readonly reason: string | null;
  /** Asked with what would happen; false leaves everything as it is. */
  approve?(operations: readonly Operation[], undone: string): Promise<boolean>;
  readonly progress?: Progress;
}

/**
 * Undoes the last apply: link updates to generations that are still pinned, and the keys it wrote in place. Nothing is compiled,
 * loaded or fetched. Holds the host there until git says something else. A second rollback undoes the first. null when declined.
 */
export async function rollback(host: Host, options: RollbackOptions): Promise<RolledBackTo | null> {
  return locked(
    host,
    async () => {
      const pins = await host.kernel.pins(host.layout.root);
      const undo = fromWhatRuns(await wayBack(host), pins);
      await requirePins(host, undo.operations, pins);
      if (options.approve !== undefined && !(await options.approve(undo.operations, undo.revision.name))) return null;
      const started = host.now();
      const release = await hold(host, undo, options.reason);
      try {
        await perform(host, undo, options.progress ?? (() => undefined));
      } catch (error) {
        await release().catch(() => undefined);
        throw error;
      }
      const result = {
        undone: undo.revision.name,
        revision: undo.applied?.revision.name ?? null,
        hooks: undo.operations.flatMap(hooksOf),
        milliseconds: host.now() - started,
        notes: [],
      };
      return { ...result, notes: await writeDown(host, undo, result, options.reason) };
    },
    true,
  );
}

/** Before anything is switched: nobody must apply again what was rolled back. Gives back how to take the hold away again. */
async function hold(host: Host, undo: Journal, reason: string | null): Promise<() => Promise<void>> {
  const [now, before] = [await readApplied(host.state), await readHold(host.state)];
  if (now === null) return async () => undefined;
  const since = new Date(host.now()).toISOString();
  await asBefore(writeHold(host.state, { since, revision: undo.revision.name, desired: now.desired, reason }));
  return () => (before === null ? clearHold(host.state) : writeHold(host.state, before));
}

/** What fails before anything is switched. */
async function asBefore(work: Promise<void>): Promise<void> {
  await work.catch((cause: unknown) => {
    throw new ReconcilerError("state-unwritable", "Cannot roll back: every hook runs what it ran", { cause });
  });
}

async function wayBack(host: Host): Promise<Journal> {
  const found = await readUndo(host.state);
  if (found?.kind === "found") return found.journal;
  const reason =
    found === null
      ? "nothing has been applied yet"
      : `the record of the last apply is unreadable (${found.reason}) and was kept as "${found.movedTo}"`;
  throw new ReconcilerError("nothing-to-roll-back", `Cannot roll back: ${reason}`, {
    hint: "sluice rollback --to REVISION loads one from this host's own copy; git revert rolls back from the repository",
  });
}

/** Healing may have loaded a generation anew since: a switch starts from the one that the link holds now. */
function fromWhatRuns(undo: Journal, pins: readonly Pin[]): Journal {
  const held = new Map(pins.flatMap((pin) => (pin.kind === "link" ? [[pin.path, pin.programId] as const] : [])));
  const directories = new Map(pins.flatMap((pin) => (pin.kind === "program" ? [[pin.id, dirname(pin.path)] as const] : [])));
  const operations = undo.operations.map((operation) =>
    operation.kind === "switch" ? { ...operation, from: directories.get(held.get(operation.link) ?? 0) ?? null } : operation,
  );
  return { ...undo, operations };
}

/** Everything it leads to must still be pinned: found out before anything is touched. */
async function requirePins({ kernel }: Host, operations: readonly Operation[], pins: readonly Pin[]): Promise<void> {
  const missing = await missingPin(kernel, operations, pins);
  if (missing === null) return;
  throw new ReconcilerError("nothing-to-roll-back", `Cannot roll back: "${missing}" is no longer pinned`, {
    hint: "sluice rollback --to REVISION loads one from this host's own copy; git revert rolls back from the repository",
  });
}

async function perform(host: Host, undo: Journal, progress: Progress): Promise<void> {
  const applied = await readApplied(host.state);
  const revision = undo.applied?.revision ?? { name: "nothing", commit: null, author: null, subject: null, committed: null };
  await asBefore(writeJournal(host.state, { format: 1, revision, applied, operations: undoing(undo.operations) }));
  try {
    await performOrUndo(host.kernel, objectsOf(host.policy.openObject, {}), undo.operations, "commit", progress);
  } catch (error) {
    if (error instanceof UndoFailed)
      throw new ReconcilerError("rollback-failed", "Cannot roll back, and cannot undo that", { cause: error });
    await clearJournal(host.state);
    throw new ReconcilerError("apply-failed", "Cannot roll back: the host is as before", { cause: error });
  }
  await archiveJournal(host.state);
}

async function writeDown(host: Host, undo: Journal, result: RolledBackTo, reason: string | null): Promise<readonly string[]> {
  const notes: string[] = [];
  const attempt = (work: Promise<void>): Promise<boolean> =>
    work.then(
      () => true,
      (error: unknown) => {
        notes.push(error instanceof Error ? error.message : String(error));
        return false;
      },
    );
  const previous = Object.fromEntries(result.hooks.flatMap(({ hook, from }) => (from === null ? [] : [[hook, from]])));
  const before = undo.applied ?? { revision: undo.revision, desired: "", owned: {}, previous: {} };
  // In this order: while "applied" is the old one, the next pass knows that there is something left to write.
  if (await attempt(swapLastSnapshots(host.state)))
    await attempt(writeApplied(host.state, { ...before, previous: { ...before.previous, ...previous } }));
  const about = undo.applied === null ? { revision: "nothing", author: null, subject: null } : aboutRevision(undo.applied.revision);
  await attempt(
    appendHistory(host.state, {
      time: new Date(host.now()).toISOString(),
      ...about,
      result: "rollback",
      hooks: result.hooks,
      milliseconds: result.milliseconds,
      message: reason ?? `undoes ${result.undone}`,
      trigger: "command",
    }),
  );
  return notes;
}

function hooksOf(operation: Operation): readonly HistoryHook[] {
  if (operation.kind === "switch") return [{ hook: hookName(operation.at), from: idOf(operation.from), to: idOf(operation.to) }];
  if (operation.kind === "attach") return [{ hook: hookName(operation.at), from: null, to: idOf(operation.generation) }];
  return operation.kind === "detach" ? [{ hook: hookName(operation.at), from: idOf(operation.generation), to: null }] : [];
}

function idOf(directory: string | null): string | null {
  return directory?.split("/").at(-1) ?? null;
}
