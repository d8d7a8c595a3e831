// SPDX-License-Identifier: Apache-2.0
import { hookName } from "../model/hook.ts";
import type { Operation } from "../model/operation.ts";
import { type HookPlan, isEmpty, type Plan } from "../model/plan.ts";
import { type PlanSummary, summarisePlan } from "./summarise-plan.ts";

/**
 * A plan for machines, as schemas/plan.schema.json describes it: everything that printPlan tells and the operations, without the
 * bytes they write. The second number of the format grows when something is added, the first when something changes or goes.
 */
export interface PlanJson {
  readonly format: "1.0";
  readonly kind: "plan";
  readonly host: string;
  readonly revision: Plan["revision"];
  readonly desired: string;
  readonly base: string;
  readonly empty: boolean;
  readonly applicable: boolean;
  readonly hooks: readonly HookPlan[];
  readonly summary: PlanSummary;
  readonly refusals: Plan["refusals"];
  readonly warnings: Plan["warnings"];
  readonly operations: {
    readonly prepare: readonly OperationJson[];
    readonly commit: readonly OperationJson[];
    readonly cleanup: readonly string[];
  };
}

export interface OperationJson {
  readonly kind: Operation["kind"];
  /** What it is done to: a pin path. */
  readonly target: string;
  /** "eth0/xdp"; null for operations on maps. */
  readonly hook: string | null;
  /** Entries put and deleted; 0 for operations on other things. */
  readonly puts: number;
  readonly deletes: number;
}

export function planToJson(plan: Plan): PlanJson {
  return {
    format: "1.0",
    kind: "plan",
    host: plan.host,
    revision: plan.revision,
    desired: plan.desired,
    base: plan.base,
    empty: isEmpty(plan),
    applicable: plan.refusals.length === 0,
    hooks: plan.hooks,
    summary: summarisePlan(plan),
    refusals: plan.refusals,
    warnings: plan.warnings,
    operations: {
      prepare: plan.prepare.map(operationToJson),
      commit: plan.commit.map(operationToJson),
      cleanup: plan.cleanup,
    },
  };
}

function operationToJson(operation: Operation): OperationJson {
  const { kind } = operation;
  switch (operation.kind) {
    case "create-map":
    case "remove-map":
      return { kind, target: operation.pin, hook: null, puts: 0, deletes: 0 };
    case "write-map":
      return { kind, target: operation.pin, hook: null, puts: operation.puts.count, deletes: operation.deletes.count };
    case "copy-map":
    case "forget-copy":
      return { kind, target: operation.to, hook: null, puts: 0, deletes: 0 };
    case "load":
    case "unload":
      return { kind, target: operation.pin, hook: hookName(operation.generation.hook), puts: 0, deletes: 0 };
    case "attach":
    case "detach":
    case "switch":
      return { kind, target: operation.link, hook: hookName(operation.at), puts: 0, deletes: 0 };
  }
}
