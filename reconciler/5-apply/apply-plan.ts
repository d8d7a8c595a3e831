// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import type { Applied } from "../model/applied.ts";
import type { Journal } from "../model/journal.ts";
import type { RolledBack, Stuck } from "../model/outcome.ts";
import type { Plan } from "../model/plan.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { type Progress, performOrUndo, UndoFailed, undo, undoing } from "./perform.ts";
import type { Objects } from "./step-requests.ts";

export interface ApplyRequest {
  readonly kernel: Kernel;
  readonly objects: Objects;
  readonly plan: Plan;
  /** The record of the pass before. */
  readonly applied: Applied | null;
  /** Where the way back is written before the first operation that traffic sees. */
  readonly journal: JournalKeeper;
  /** Observes and plans once more, after the commit. */
  verify(): Promise<Plan>;
  readonly progress: Progress;
}

export interface JournalKeeper {
  write(journal: Journal): Promise<void>;
  /** The host is as before. */
  clear(): Promise<void>;
  /** The result is verified: keep the journal as the way back of `sluice rollback`. `cleanup` are pins that nothing uses from then on. */
  archive(cleanup: readonly string[]): Promise<void>;
}

export interface Committed {
  readonly kind: "committed";
  /** Pins that are no longer used; unpinning them is up to the caller, because it cannot be undone. */
  readonly cleanup: readonly string[];
}

/** Prepare, journal, commit, verify: afterwards every hook is as planned, or every hook is as before. */
export async function applyPlan(request: ApplyRequest): Promise<Committed | RolledBack | Stuck> {
  const { plan, kernel, objects, progress } = request;
  try {
    await performOrUndo(kernel, objects, plan.prepare, "prepare", progress);
  } catch (error) {
    return failed(plan, "prepare", error);
  }
  if (plan.commit.length === 0) return { kind: "committed", cleanup: plan.cleanup };
  try {
    await request.journal.write({ format: 1, revision: plan.revision, applied: request.applied, operations: undoing(plan.commit) });
  } catch (error) {
    return undoAll(request, "prepare", error);
  }
  return commit(request);
}

async function commit(request: ApplyRequest): Promise<Committed | RolledBack | Stuck> {
  const { plan, kernel, objects, progress } = request;
  try {
    await performOrUndo(kernel, objects, plan.commit, "commit", progress);
  } catch (error) {
    if (error instanceof UndoFailed) return failed(plan, "commit", error);
    return undoPrepared(request, "commit", error);
  }
  try {
    const rest = await request.verify();
    if (!isReached(rest)) throw notReached(rest);
    await request.journal.archive(rest.cleanup);
    return { kind: "committed", cleanup: rest.cleanup };
  } catch (error) {
    return undoAll(request, "verify", error);
  }
}

/** Undoes the commit and what was prepared for it. */
async function undoAll(request: ApplyRequest, during: "prepare" | "verify", error: unknown): Promise<RolledBack | Stuck> {
  const { plan, kernel, objects, progress } = request;
  try {
    if (during === "verify") await undo(kernel, objects, undoing(plan.commit), progress);
  } catch (cause) {
    return { kind: "stuck", plan, error, undoErrors: errorsOf(cause) };
  }
  return undoPrepared(request, during, error);
}

/** The host runs what it ran before; what was loaded for nothing goes, and the journal with it. */
async function undoPrepared(request: ApplyRequest, during: RolledBack["during"], error: unknown): Promise<RolledBack | Stuck> {
  const { plan, kernel, objects, progress } = request;
  try {
    await undo(kernel, objects, undoing(plan.prepare), progress);
    await request.journal.clear();
  } catch (cause) {
    return { kind: "stuck", plan, error, undoErrors: errorsOf(cause) };
  }
  return { kind: "rolled-back", plan, during, error };
}

function failed(plan: Plan, during: RolledBack["during"], error: unknown): RolledBack | Stuck {
  if (error instanceof UndoFailed) return { kind: "stuck", plan, error: error.cause, undoErrors: error.undoErrors };
  return { kind: "rolled-back", plan, during, error };
}

function isReached(rest: Plan): boolean {
  return rest.prepare.length === 0 && rest.commit.length === 0 && rest.refusals.length === 0;
}

function notReached(rest: Plan): ReconcilerError {
  const left = rest.hooks.filter((hook) => hook.action !== "unchanged" && hook.action !== "pending");
  const names = left.map(({ hook, action }) => `${hook.interface}/${hook.kind} (${action})`).join(", ");
  return new ReconcilerError(
    "apply-failed",
    `Cannot confirm the result: after the commit the kernel still differs from the policy at ${names}`,
  );
}

function errorsOf(cause: unknown): readonly unknown[] {
  return cause instanceof AggregateError ? cause.errors : [cause];
}
