// SPDX-License-Identifier: Apache-2.0
import type { Desired, DesiredHook } from "../model/desired.ts";
import { type Hook, hookName } from "../model/hook.ts";
import type { Observed, ObservedHook } from "../model/observed.ts";
import type { Operation } from "../model/operation.ts";
import type { PinLayout } from "../model/pins.ts";
import type { Plan, Refusal, Warning } from "../model/plan.ts";
import { digestObserved } from "./digest-observed.ts";
import { keepPrevious, listCleanup } from "./list-cleanup.ts";
import { type HookContext, type HookPart, pendingHook, planHook, pruneHook } from "./plan-hook.ts";

export interface PlanRequest {
  readonly desired: Desired;
  readonly observed: Observed;
  readonly layout: PinLayout;
  readonly host: string;
  /** Sluice's own version, for manifests. */
  readonly version: string;
  /** Allows a policy that would leave no chain at all. */
  readonly prune: boolean;
  /** BTF of one of `desired.objects`; null when it has none. */
  btf(object: string): Uint8Array | null;
}

/** The smallest plan that brings the kernel to what the policy says. Pure; leaves the executor no choice. */
export function planChanges(request: PlanRequest): Plan {
  const { desired, observed, layout } = request;
  const parts = planHooks(request);
  const kept = parts.map(({ observed: hook, part }) => {
    const before = observed.applied?.previous[hookName(hook.hook)] ?? null;
    return { hook, part, previous: part.plan.action === "pending" ? before : keepPrevious(hook, part.target, before) };
  });
  const prepare = parts.flatMap(({ part }) => part.prepare);
  return {
    format: "1.0",
    host: request.host,
    revision: desired.revision,
    desired: desired.digest,
    base: digestObserved(observed),
    hooks: parts.map(({ part }) => part.plan).filter((plan) => plan.action !== "unchanged" || plan.to !== null),
    refusals: [...parts.flatMap(({ part }) => part.refusals), ...guardPrune(request)],
    warnings: [
      ...parts.flatMap(({ part }) => part.warnings),
      ...warnForeign(parts.filter(({ part }) => part.target !== null).map((entry) => entry.observed)),
    ],
    prepare,
    commit: parts.flatMap(({ part }) => part.commit),
    cleanup: kept.flatMap(({ hook, part, previous }) =>
      part.plan.action === "pending" ? [] : listCleanup(layout, hook, { target: part.target, previous }, new Set(part.maps)),
    ),
    applied: {
      revision: desired.revision,
      desired: desired.digest,
      owned: Object.assign({}, ...parts.map(({ part }) => part.owned)) as Record<string, Uint8Array>,
      previous: Object.fromEntries(kept.flatMap(({ hook, previous }) => (previous === null ? [] : [[hookName(hook.hook), previous]]))),
    },
    objects: objectsOf(prepare, desired),
  };
}

/** Every hook that the policy names or that has pins of ours, in the order of their names. */
function planHooks(request: PlanRequest): { readonly observed: ObservedHook; readonly part: HookPart }[] {
  const { desired, observed, layout } = request;
  const context: HookContext = { layout, version: request.version, applied: observed.applied, devices: observed.devices, btf: request.btf };
  const wanted = new Map(desired.hooks.map((hook) => [hookName(hook.hook), hook]));
  const found = new Map(observed.hooks.map((hook) => [hookName(hook.hook), hook]));
  const devices = new Map(observed.devices.map((device) => [device.name, device]));
  return [...new Set([...wanted.keys(), ...found.keys()])].sort().map((name) => {
    const hook = wanted.get(name);
    const there = found.get(name) ?? nothingAt((hook as DesiredHook).hook);
    if (hook === undefined) return { observed: there, part: pruneHook(layout, there) };
    const device = devices.get(hook.hook.interface);
    return { observed: there, part: device === undefined ? pendingHook(hook) : planHook(context, hook, there, device) };
  });
}

function nothingAt(hook: Hook): ObservedHook {
  return { hook, link: null, mode: null, generations: [], maps: [], counters: [], foreign: [] };
}

/** An empty repository is more often a mistake than a wish. */
function guardPrune({ desired, observed, prune }: PlanRequest): readonly Refusal[] {
  const running = observed.hooks.filter((hook) => hook.link !== null);
  if (prune || desired.hooks.length > 0 || running.length === 0) return [];
  const names = running.map((hook) => hookName(hook.hook)).join(", ");
  return [
    {
      hook: null,
      code: "prunes-everything",
      message: `Cannot apply a policy without any chain for this host: it would leave ${names} unfiltered`,
      hint: "allow it with --prune-all, or take everything away with sluice uninstall",
    },
  ];
}

function warnForeign(hooks: readonly ObservedHook[]): readonly Warning[] {
  return hooks.flatMap(({ hook, foreign }) =>
    hook.kind === "xdp"
      ? []
      : foreign.map((program) => ({
          hook,
          code: "foreign-program",
          message: `Program "${program.name}" (id ${program.programId}) of somebody else runs at ${hookName(hook)} too; it is left alone`,
        })),
  );
}

function objectsOf(prepare: readonly Operation[], desired: Desired): Record<string, Uint8Array> {
  const loads = prepare.flatMap((operation) => (operation.kind === "load" ? operation.generation.steps : []));
  const programs = loads.filter(({ verdict }) => verdict === undefined);
  return Object.fromEntries(programs.map(({ object }) => [object, desired.objects[object] as Uint8Array]));
}
