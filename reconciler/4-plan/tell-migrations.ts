// SPDX-License-Identifier: Apache-2.0
import type { DesiredHook } from "../model/desired.ts";
import { hookName } from "../model/hook.ts";
import { printOrigin } from "../model/origin.ts";
import type { Change, Refusal } from "../model/plan.ts";
import type { MapMigration } from "./migrate-map.ts";

/** A replaced step with what its new maps take over. */
export function tellCopies(change: Change, migrations: readonly MapMigration[]): Change {
  if (change.kind !== "replace-step") return change;
  const copiesState = migrations.flatMap(({ step, copied }) => (step === change.step && copied !== null ? [copied] : []));
  const losesState = change.losesState.filter((name) => !copiesState.some(({ map }) => map === name));
  return { ...change, losesState, copiesState };
}

/** `migrate: refuse`: state that would not stay as it is keeps the change from being applied. */
export function refuseMigrations({ hook, chain }: DesiredHook, migrations: readonly MapMigration[]): readonly Refusal[] {
  return migrations.flatMap(({ step, map, wanted, obstacle }) => {
    if (wanted !== "refuse") return [];
    const origin = chain.find(({ name }) => name === step)?.origin;
    const at = origin === undefined ? "" : ` (${printOrigin(origin)})`;
    const fate = obstacle === null ? "is defined otherwise now, and only parts of it could be copied" : `would start empty: ${obstacle}`;
    return [
      {
        hook,
        code: "state-not-kept",
        message: `Cannot replace step "${step}" of ${hookName(hook)}${at}: its map "${map}" ${fate}`,
        hint: `the policy says "migrate: refuse"; "copy" takes over what fits, "fresh" starts empty`,
      },
    ];
  });
}
