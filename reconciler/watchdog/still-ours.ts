// SPDX-License-Identifier: Apache-2.0
import type { Pin } from "../../bpf/kernel/kernel.ts";
import type { Operation } from "../model/operation.ts";

/**
 * Of the operations that undo a change those whose hook is as the change left it: what somebody has put there since is not ours to
 * replace. Keys of maps go with the hooks: they are left alone once none of these is ours. Pure.
 */
export function stillOurs(operations: readonly Operation[], pins: readonly Pin[]): readonly Operation[] {
  const ours = operations.filter((operation) => !isAtHook(operation) || isAsLeft(operation, pins));
  return operations.some(isAtHook) && !ours.some(isAtHook) ? [] : ours;
}

type AtHook = Extract<Operation, { readonly at: unknown }>;

function isAtHook(operation: Operation): operation is AtHook {
  return operation.kind === "switch" || operation.kind === "attach" || operation.kind === "detach";
}

function isAsLeft(operation: AtHook, pins: readonly Pin[]): boolean {
  const link = pins.find((pin) => pin.kind === "link" && pin.path === operation.link);
  if (operation.kind === "attach") return link === undefined;
  const left = operation.kind === "switch" ? operation.from : operation.generation;
  const program = pins.find((pin) => pin.kind === "program" && pin.path === `${left}/program`);
  return link?.kind === "link" && program?.kind === "program" && program.id === link.programId;
}
