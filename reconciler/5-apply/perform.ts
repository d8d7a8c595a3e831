// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { inverse, type Operation } from "../model/operation.ts";
import { printOperation } from "../model/print-operation.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { execute } from "./execute.ts";
import type { Objects } from "./step-requests.ts";

/** Told before every operation: its number counts from 1 within the phase. */
export type Progress = (event: {
  readonly phase: "prepare" | "commit" | "undo" | "cleanup";
  readonly number: number;
  readonly of: number;
  readonly text: string;
}) => void;

/** Performs operations in order; when one fails, undoes those before it, newest first, and throws what failed. */
export async function performOrUndo(
  kernel: Kernel,
  objects: Objects,
  operations: readonly Operation[],
  phase: "prepare" | "commit",
  progress: Progress,
): Promise<void> {
  for (const [index, operation] of operations.entries()) {
    progress({ phase, number: index + 1, of: operations.length, text: printOperation(operation) });
    try {
      await execute(kernel, objects, operation);
    } catch (error) {
      const failed = describeFailure(operation, index, operations.length, error);
      await undo(kernel, objects, undoing(operations.slice(0, isPartial(operation) ? index + 1 : index)), progress).catch(
        (cause: unknown) => {
          throw new UndoFailed(failed, cause instanceof AggregateError ? cause.errors : [cause]);
        },
      );
      throw failed;
    }
  }
}

/**
 * A failing kernel call has changed nothing, but these are several calls. Undoing the others would be wrong: a map that could not
 * be created because something else is pinned there must not be unpinned.
 */
function isPartial(operation: Operation): boolean {
  return operation.kind === "write-map" || operation.kind === "load";
}

/** Undoing failed as well: the host is neither old nor new, and the journal stays. */
export class UndoFailed extends Error {
  override readonly name = "UndoFailed";
  readonly undoErrors: readonly unknown[];

  constructor(cause: unknown, undoErrors: readonly unknown[]) {
    super("Undoing failed too", { cause });
    this.undoErrors = undoErrors;
  }
}

/** The inverses, newest first. A map that goes again need not be emptied first. */
export function undoing(operations: readonly Operation[]): readonly Operation[] {
  const made = new Set(operations.flatMap((operation) => (operation.kind === "create-map" ? [operation.pin] : [])));
  return operations
    .filter((operation) => operation.kind !== "write-map" || !made.has(operation.pin))
    .map(inverse)
    .reverse();
}

/**
 * Performs every inverse, whatever the others do; throws an AggregateError when some failed. A device that has gone meanwhile has
 * nothing left to bring back.
 */
export async function undo(kernel: Kernel, objects: Objects, inverses: readonly Operation[], progress: Progress): Promise<void> {
  const errors: unknown[] = [];
  for (const [index, operation] of inverses.entries()) {
    progress({ phase: "undo", number: index + 1, of: inverses.length, text: printOperation(operation) });
    try {
      await execute(kernel, objects, operation);
    } catch (error) {
      if (!isDeviceGone(error)) errors.push(describeFailure(operation, index, inverses.length, error));
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} of ${inverses.length} operations could not be undone`);
}

function isDeviceGone(error: unknown): boolean {
  return error instanceof KernelError && (error.errno === "ENODEV" || error.errno === "ENOLINK");
}

function describeFailure(operation: Operation, index: number, of: number, cause: unknown): ReconcilerError {
  if (cause instanceof ReconcilerError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ReconcilerError("apply-failed", `Cannot ${printOperation(operation)} (operation ${index + 1} of ${of}): ${reason}`, { cause });
}
