// SPDX-License-Identifier: Apache-2.0
import type { Desired, DriftMode } from "../model/desired.ts";
import { type Hook, hookName } from "../model/hook.ts";
import type { Observed } from "../model/observed.ts";
import type { HookPlan, Plan } from "../model/plan.ts";

/** How the kernel differs from the policy last applied. Plain JSON. */
export interface DriftReport {
  readonly findings: readonly DriftFinding[];
  /** Programs of others that run beside our chains; no drift. */
  readonly unmanaged: readonly string[];
}

export interface DriftFinding {
  /** missing: ours is gone. changed: ours is different. unexpected: something that should not be there. keys: contents of a map. */
  readonly class: "missing" | "changed" | "unexpected" | "keys";
  readonly hook: Hook;
  /** "link", "chain", "generation", "map lists/v4". */
  readonly place: string;
  readonly expected: string;
  readonly found: string;
  /** What the chain's policy says to do about it. */
  readonly mode: DriftMode;
}

/** Reads the plan that would mend the kernel as the list of what somebody did to it. Pins left to clean up are no drift. */
export function describeDrift(plan: Plan, desired: Desired, observed: Observed): DriftReport {
  const modes = new Map(desired.hooks.map((hook) => [hookName(hook.hook), hook.drift]));
  const findings = plan.hooks.flatMap((hook) => findingsOf(hook, modes.get(hookName(hook.hook)) ?? "alert", observed));
  const unmanaged = observed.hooks.flatMap(({ hook, foreign }) =>
    foreign.map((program) => `${hookName(hook)}: program "${program.name}" (id ${program.programId})`),
  );
  return { findings, unmanaged };
}

function findingsOf(plan: HookPlan, mode: DriftFinding["mode"], observed: Observed): readonly DriftFinding[] {
  const link = describeLink(plan, observed);
  const sets = plan.changes.flatMap((change) =>
    change.kind === "replace-set"
      ? [
          {
            class: "keys" as const,
            place: `map ${change.step}/${change.map}`,
            expected: "the keys of the policy",
            found: `${change.keys} keys missing, changed or unexpected`,
          },
        ]
      : [],
  );
  const keys = plan.changes.flatMap((change) =>
    change.kind === "set-keys"
      ? [
          {
            class: "keys" as const,
            place: `map ${change.step}/${change.map}`,
            expected: "the keys of the policy",
            found: `${change.added} missing, ${change.changed} changed, ${change.removed} unexpected`,
          },
        ]
      : [],
  );
  // A set of another content is mended by a switch; the chain itself was not touched.
  const shown =
    link === null || (sets.length > 0 && plan.changes.every(({ kind }) => kind === "replace-set" || kind === "set-keys")) ? [] : [link];
  return [...shown, ...sets, ...keys].map((finding) => ({ ...finding, hook: plan.hook, mode }));
}

function describeLink(plan: HookPlan, observed: Observed): Pick<DriftFinding, "class" | "place" | "expected" | "found"> | null {
  const link = observed.hooks.find(({ hook }) => hookName(hook) === hookName(plan.hook))?.link ?? null;
  const expected = `generation ${plan.to ?? "none"}`;
  switch (plan.action) {
    case "attach":
      return { class: "missing", place: "link", expected, found: "no link" };
    case "reattach":
      return { class: "missing", place: "link", expected, found: "a dead link: it was detached, or its device is gone" };
    case "detach":
      return { class: "unexpected", place: "link", expected: "no link", found: plan.from === null ? "a link" : `generation ${plan.from}` };
    case "switch": {
      const found = plan.from === null ? `program id ${link?.programId ?? 0}` : `generation ${plan.from}, or its pins changed`;
      return { class: "changed", place: "chain", expected, found };
    }
    default:
      return null;
  }
}
