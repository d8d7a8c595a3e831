// SPDX-License-Identifier: Apache-2.0
import type { Device } from "../../bpf/kernel/kernel.ts";
import type { DesiredHook } from "../model/desired.ts";
import type { Generation } from "../model/generation.ts";
import { hookName } from "../model/hook.ts";
import type { Observed, ObservedGeneration, ObservedHook } from "../model/observed.ts";
import type { Operation } from "../model/operation.ts";
import { generationDirectory, linkPin, type PinLayout } from "../model/pins.ts";
import type { Change, HookPlan, Refusal, Warning } from "../model/plan.ts";
import { type ChosenGeneration, chooseGeneration } from "./choose-generation.ts";
import { chooseMaps } from "./choose-maps.ts";
import { describeTraffic } from "./describe-traffic.ts";
import { diffChain, removeAll } from "./diff-chain.ts";
import { planCounters, planMaps } from "./plan-maps.ts";
import { refuseRawIp, warnRawIp } from "./refuse-raw-ip.ts";
import { resolveDevices } from "./resolve-devices.ts";
import { shownMatch } from "./shown-match.ts";
import { refuseMigrations, tellCopies } from "./tell-migrations.ts";
import { warnFrags } from "./warn-frags.ts";

/** The part of a plan that concerns one hook. */
export interface HookPart {
  readonly plan: HookPlan;
  readonly refusals: readonly Refusal[];
  readonly prepare: readonly Operation[];
  readonly commit: readonly Operation[];
  /** Keys of users' maps that are ours afterwards, by pin. */
  readonly owned: Readonly<Record<string, Uint8Array>>;
  /** The generation to run afterwards; null for none. */
  readonly target: string | null;
  /** Pins of its maps and of its counters. */
  readonly maps: readonly string[];
  readonly warnings: readonly Warning[];
}

export interface HookContext {
  readonly layout: PinLayout;
  readonly version: string;
  readonly applied: Observed["applied"];
  readonly devices: readonly Device[];
  /** BTF of an object by its digest. */
  btf(object: string): Uint8Array | null;
}

/** Brings a hook to what the policy says; its device exists. */
export function planHook(context: HookContext, wanted: DesiredHook, observed: ObservedHook, device: Device): HookPart {
  const { layout } = context;
  const resolved = resolveDevices(wanted, context.devices);
  const { desired, changes: sets } = chooseMaps(layout, resolved.desired, observed);
  const chosen = chooseGeneration(layout, desired, observed, context.version);
  const maps = planMaps(layout, desired, observed, context.applied, context.btf);
  const running = observed.generations.find((generation) => generation.running) ?? null;
  const links = planLink(layout, desired, observed, chosen, device.ifindex);
  const chain = describeChain(desired, observed, running, chosen, links).map((change) => tellCopies(change, maps.migrations));
  const changes = [...chain, ...sets, ...maps.changes];
  const { unchanged } = diffChain(shownSteps(running, links.action), chosen.generation.steps, desired.chain);
  const action = links.action === "unchanged" && maps.commit.length > 0 ? "update" : links.action;
  const isIdle = links.operations.length === 0;
  return {
    plan: {
      hook: desired.hook,
      action,
      from: running?.id ?? null,
      to: chosen.generation.id,
      changes,
      unchanged,
      traffic: describeTraffic(desired.hook, action, maps.changes, links.changesMode),
      origin: desired.origin,
    },
    refusals: [...links.refusals, ...refuseMigrations(desired, maps.migrations), ...refuseRawIp(desired, device)],
    prepare: [
      ...maps.prepare,
      ...(isIdle ? [] : [...planCounters(chosen.generation, observed), ...load(layout, desired, chosen)]),
      ...maps.takeOver,
    ],
    commit: [...maps.commit, ...links.operations],
    owned: maps.owned,
    target: chosen.generation.id,
    maps: pinsOfMaps(chosen.generation),
    warnings: [...resolved.warnings, ...(isIdle ? [] : [...warnFrags(desired), ...warnRawIp(desired, device)])],
  };
}

function pinsOfMaps({ steps, counters }: Generation): readonly string[] {
  return [...steps.flatMap((step) => step.maps.map((map) => map.pin)), ...(counters === null ? [] : [counters.pin])];
}

/** Takes the chain away from a hook that no policy names any more; its generation stays pinned for a rollback. */
export function pruneHook(layout: PinLayout, observed: ObservedHook): HookPart {
  const running = observed.generations.find((generation) => generation.running) ?? null;
  const action = observed.link === null ? "unchanged" : "detach";
  return {
    plan: {
      hook: observed.hook,
      action,
      from: running?.id ?? null,
      to: null,
      changes: removeAll(running?.manifest ?? null),
      unchanged: 0,
      traffic: describeTraffic(observed.hook, action, [], false),
      origin: null,
    },
    refusals: [],
    prepare: [],
    commit: observed.link === null ? [] : [detach(layout, observed, running)],
    owned: {},
    target: null,
    maps: [],
    warnings: [],
  };
}

/** A chain for a device that does not exist: nothing is touched, what is pinned for it stays. */
export function pendingHook(desired: DesiredHook): HookPart {
  const changes = desired.chain.map(
    (step, place): Change => ({
      kind: "add-step",
      step: step.name,
      uses: step.uses,
      ...shownMatch(step),
      after: desired.chain[place - 1]?.name ?? null,
      origin: step.origin,
    }),
  );
  const traffic = describeTraffic(desired.hook, "pending", [], false);
  const plan: HookPlan = {
    hook: desired.hook,
    action: "pending",
    from: null,
    to: null,
    changes,
    unchanged: 0,
    traffic,
    origin: desired.origin,
  };
  return { plan, refusals: [], prepare: [], commit: [], owned: {}, target: null, maps: [], warnings: [] };
}

interface LinkPlan {
  readonly action: "attach" | "switch" | "reattach" | "unchanged";
  readonly changesMode: boolean;
  readonly operations: readonly Operation[];
  readonly refusals: readonly Refusal[];
}

function planLink(layout: PinLayout, desired: DesiredHook, observed: ObservedHook, chosen: ChosenGeneration, ifindex: number): LinkPlan {
  const { hook, mode } = desired;
  const link = linkPin(layout, hook);
  const to = generationDirectory(layout, hook, chosen.generation.id);
  const running = observed.generations.find((generation) => generation.running) ?? null;
  const attach: Operation = { kind: "attach", at: hook, link, generation: to, mode };
  const nothing = { changesMode: false, refusals: [] };
  if (observed.link === null) return { ...nothing, action: "attach", operations: [attach], refusals: refuseForeign(observed) };
  if (observed.link.ifindex !== ifindex) {
    return { ...nothing, action: "reattach", operations: [detach(layout, observed, running), attach], refusals: refuseForeign(observed) };
  }
  if (hook.kind === "xdp" && mode !== "auto" && observed.mode !== null && observed.mode !== mode) {
    return { action: "switch", changesMode: true, operations: [detach(layout, observed, running), attach], refusals: [] };
  }
  if (running?.id === chosen.generation.id) return { ...nothing, action: "unchanged", operations: [] };
  const from = running === null ? null : generationDirectory(layout, hook, running.id);
  return { ...nothing, action: "switch", operations: [{ kind: "switch", at: hook, link, from, to }] };
}

function detach(layout: PinLayout, observed: ObservedHook, running: ObservedGeneration | null): Operation {
  const generation = running === null ? null : generationDirectory(layout, observed.hook, running.id);
  return { kind: "detach", at: observed.hook, link: linkPin(layout, observed.hook), generation, mode: observed.mode ?? "auto" };
}

function load(layout: PinLayout, desired: DesiredHook, { generation, isPinned }: ChosenGeneration): readonly Operation[] {
  const origins = Object.fromEntries(desired.chain.map((step) => [step.name, step.origin]));
  return isPinned ? [] : [{ kind: "load", pin: generationDirectory(layout, desired.hook, generation.id), generation, origins }];
}

/** A device has one XDP program; tcx links live side by side. */
function refuseForeign({ hook, foreign }: ObservedHook): readonly Refusal[] {
  const [other] = foreign;
  if (hook.kind !== "xdp" || other === undefined) return [];
  // The kernel takes off by name only what no link holds.
  const off = other.linkId === null ? `ip link set dev ${hook.interface} xdp off` : `bpftool link detach id ${other.linkId}`;
  return [
    {
      hook,
      code: "foreign-xdp",
      message: `Cannot attach to ${hookName(hook)}: program "${other.name}" (id ${other.programId}) of somebody else is attached there`,
      hint: `look at it with "bpftool prog show id ${other.programId}", and detach it with "${off}" if it is not wanted`,
    },
  ];
}

/** The steps that a reader thinks of as running: none on a device that was just made. */
function shownSteps(running: ObservedGeneration | null, action: LinkPlan["action"]) {
  return action === "attach" || action === "reattach" ? [] : (running?.manifest?.steps ?? []);
}

function describeChain(
  desired: DesiredHook,
  observed: ObservedHook,
  running: ObservedGeneration | null,
  chosen: ChosenGeneration,
  links: LinkPlan,
): readonly Change[] {
  const before = shownSteps(running, links.action);
  const changes: Change[] = [...diffChain(before, chosen.generation.steps, desired.chain).changes];
  const end = running?.manifest?.end;
  if (links.action === "switch" && end !== undefined && end !== desired.end) {
    changes.push({ kind: "set-end", before: end, after: desired.end, origin: desired.origin });
  }
  if (links.changesMode) changes.push({ kind: "set-mode", before: observed.mode ?? "none", after: desired.mode, origin: desired.origin });
  return changes;
}
