// SPDX-License-Identifier: Apache-2.0
import { renderDesired } from "./2-desired/render-desired.ts";
import { planChanges } from "./4-plan/plan-changes.ts";
import { applyPlan } from "./5-apply/apply-plan.ts";
import { cleanUp } from "./5-apply/clean-up.ts";
import type { Progress } from "./5-apply/perform.ts";
import { type Host, type PolicyReader, renderFor } from "./host.ts";
import { type ConfirmRequest, keepForConfirmation, refusalsToConfirm } from "./keep-for-confirmation.ts";
import type { Desired, DesiredHook } from "./model/desired.ts";
import type { Diagnostic } from "./model/diagnostic.ts";
import { type Hook, hookName } from "./model/hook.ts";
import { toJson } from "./model/json.ts";
import type { Observed } from "./model/observed.ts";
import type { Invalid, Outcome } from "./model/outcome.ts";
import type { PacketTest } from "./model/packet-test.ts";
import type { PinLayout } from "./model/pins.ts";
import { isEmpty, type Plan } from "./model/plan.ts";
import type { Snapshot } from "./model/snapshot.ts";
import { objectsOf } from "./objects.ts";
import { observeFor } from "./observe-host.ts";
import { refusalsByTests } from "./packet-tests/refusals-by-tests.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import { recordChoice, recordOutcome, recordUnchanged } from "./record-outcome.ts";
import { recover } from "./recover.ts";
import { readApplied, writeApplied } from "./state/applied.ts";
import { clearHold, type Hold, readHold, writeHold } from "./state/hold.ts";
import { archiveJournal, clearJournal, writeJournal } from "./state/journal.ts";
import { hasLastSnapshot, readLastSnapshot } from "./state/last-snapshot.ts";
import { lockStateSoon } from "./state/lock.ts";
import { clearQuarantine, type QuarantineEntry, readQuarantine } from "./state/quarantine.ts";
import { openState } from "./state/state-directory.ts";
import { setTornAside } from "./state/torn-records.ts";
import { sluiceVersion } from "./version.ts";

export interface Planned {
  readonly kind: "planned";
  readonly desired: Desired;
  readonly observed: Observed;
  readonly plan: Plan;
  /** Warnings about the policy. */
  readonly warnings: readonly Diagnostic[];
  /** Hooks of the policy that the pass leaves as they are. */
  readonly leaves: readonly Hook[];
  /** The packet tests of the policy. */
  readonly tests: readonly PacketTest[];
}

/** A plan with the policy it was made from, which drift is measured against once it is applied. */
export interface SavedPlan {
  readonly plan: Plan;
  readonly desired: Desired;
  readonly snapshot: Snapshot;
}

export interface PlanOptions {
  /** Allows a policy that leaves no chain at all. */
  readonly prune: boolean;
  /** Limits the pass to some hooks of the policy; all when absent. */
  only?(hook: DesiredHook): boolean;
}

export interface PassOptions extends PlanOptions {
  /** What started the pass, for the history: "commit", "drift", "device", "command". */
  readonly trigger: string;
  /** Leaves the host alone while it is held at what `sluice rollback` went back to: for passes that nobody asked for. */
  readonly respectHold?: boolean;
  /** Leaves a policy alone that failed on this host before: for passes that nobody asked for. */
  readonly respectQuarantine?: boolean;
  /** Set when the policy was applied: against what git says, until it says something else. */
  readonly hold?: Hold;
  /** Takes a new policy back unless it is confirmed in time. Healing and what changes nothing for traffic is not asked about. */
  readonly confirm?: ConfirmRequest;
  /** Asked when there is something to do; false leaves everything as it is. */
  approve?(planned: Planned): Promise<boolean>;
  readonly progress?: Progress;
}

/** One pass: take the lock, finish what a crash left, render, observe, plan, apply, verify, clean up, write it down. */
export async function runPass(host: Host, snapshot: Snapshot, options: PassOptions): Promise<Outcome> {
  return locked(host, () => passLocked(host, snapshot, options), options.trigger === "command");
}

/** The same for whoever holds the lock already, because what is to be applied is on record. */
export async function passLocked(host: Host, snapshot: Snapshot, options: PassOptions): Promise<Outcome> {
  const planned = await planPass(host, snapshot, options);
  if (planned.kind === "invalid") return recordOutcome(host, snapshot, options.trigger, planned);
  const hold = await readHold(host.state);
  const isHeld = options.respectHold === true && hold?.desired === planned.desired.digest;
  if (isHeld) return { kind: "held", since: hold.since, revision: hold.revision };
  const failure = options.respectQuarantine === true ? await quarantined(host, planned) : null;
  if (failure !== null) return { kind: "quarantined", since: failure.since, revision: failure.revision, reason: failure.reason };
  const outcome = await applyPlanned(host, snapshot, planned, options);
  return noting(outcome, async () => {
    if (options.hold !== undefined && outcome.kind === "applied") await writeHold(host.state, options.hold);
    if (isReached(outcome)) await release(host, planned, options.trigger);
    if (outcome.kind === "unchanged" && (isUnrecorded(planned, snapshot) || isPolicyLost(host, planned)))
      await recordUnchanged(host, snapshot, outcome.plan);
    if (isKept(outcome) && options.hold === undefined) await recordChoice(host, options.trigger, snapshot.revision);
    // A revert finds what runs already: git says it now, so there is nothing left to hold against.
    if (hold !== null && options.hold === undefined && options.trigger !== "drift" && outcome.kind === "unchanged")
      await clearHold(host.state);
  });
}

/** The kernel is what the outcome says already: what cannot be written behind that becomes a note. */
async function noting(outcome: Outcome, write: () => Promise<void>): Promise<Outcome> {
  try {
    await write();
    return outcome;
  } catch (error) {
    if (outcome.kind !== "applied" && outcome.kind !== "unconfirmed") throw error;
    return { ...outcome, notes: [...outcome.notes, error instanceof Error ? error.message : String(error)] };
  }
}

/** The policy that was applied last was torn, or somebody removed it. */
function isPolicyLost(host: Host, { leaves, observed }: Planned): boolean {
  return leaves.length === 0 && observed.applied !== null && !hasLastSnapshot(host.state);
}

/** Renders, observes and plans. Takes no lock and writes nothing. */
export async function planPass(host: Host, snapshot: Snapshot, options: PlanOptions): Promise<Planned | Invalid> {
  const rendered = await renderFor(host, snapshot);
  if (rendered.kind === "invalid") return rendered;
  const { desired, leaves } = narrow(rendered.desired, options);
  const observed = await observeFor(host, desired, leaves);
  const all = plan(host.policy, desired, observed, host.layout, host.name, options.prune);
  const isWhole = leaves.length === 0 || observed.applied === null;
  return {
    kind: "planned",
    desired,
    observed,
    leaves,
    tests: rendered.tests,
    warnings: rendered.warnings,
    // A pass over some of the hooks knows nothing of the others' keys: the record stays the one of the whole.
    plan: isWhole ? all : { ...all, applied: observed.applied },
  };
}

function narrow(desired: Desired, { only }: PlanOptions): { readonly desired: Desired; readonly leaves: readonly Hook[] } {
  if (only === undefined) return { desired, leaves: [] };
  const leaves = desired.hooks.filter((hook) => !only(hook)).map((hook) => hook.hook);
  return { desired: { ...desired, hooks: desired.hooks.filter(only) }, leaves };
}

/** Plans against an exported snapshot of a host: no kernel, no privileges. */
export function planOffline(
  reader: PolicyReader,
  snapshot: Snapshot,
  exported: { readonly observed: Observed; readonly layout: PinLayout; readonly host: string },
  options: PlanOptions,
): Planned | Invalid {
  const rendered = renderDesired({ ...reader, snapshot, host: exported.host });
  if (rendered.kind === "invalid") return rendered;
  const { desired, tests, warnings } = rendered;
  const { observed, layout, host } = exported;
  const planned = plan(reader, desired, observed, layout, host, options.prune);
  return { kind: "planned", desired, observed, leaves: [], tests, warnings, plan: planned };
}

/** Applies exactly the plan that was saved. Throws ReconcilerError "plan-stale" when the kernel is no longer what it was made for. */
export async function applySaved(host: Host, saved: SavedPlan, options: PassOptions): Promise<Outcome> {
  return locked(
    host,
    async () => {
      const observed = await observeFor(host, saved.desired, []);
      const fresh = plan(host.policy, saved.desired, observed, host.layout, host.name, options.prune);
      if (!isSamePlan(fresh, saved.plan)) {
        throw new ReconcilerError("plan-stale", `Cannot apply the saved plan: ${host.name} has changed since it was made`, {
          hint: "plan again",
        });
      }
      const rendered = await renderFor(host, saved.snapshot);
      const tests = rendered.kind === "rendered" ? rendered.tests : [];
      const planned: Planned = { kind: "planned", desired: saved.desired, observed, plan: fresh, leaves: [], tests, warnings: [] };
      const outcome = await applyPlanned(host, saved.snapshot, planned, options);
      if (isKept(outcome)) await recordChoice(host, options.trigger, saved.snapshot.revision);
      return outcome;
    },
    options.trigger === "command",
  );
}

/** Made for this host in this state, and leading to the same operations. */
function isSamePlan(fresh: Plan, saved: Plan): boolean {
  const operations = ({ prepare, commit }: Plan) => toJson([prepare, commit]);
  return fresh.host === saved.host && fresh.base === saved.base && operations(fresh) === operations(saved);
}

/**
 * Runs with the lock held, no journal of a crash left, and torn records set aside: guards too where somebody asks for the pass. Waits a
 * moment for whoever has the lock: an agent heals by itself, too.
 */
export async function locked<T>(host: Host, work: () => Promise<T>, asked = false): Promise<T> {
  await openState(host.state);
  const lock = await lockStateSoon(host.state);
  try {
    for (const { path, movedTo } of await setTornAside(host.state, asked))
      host.warn?.(`"${path}" is not a record of Sluice and was kept as "${movedTo}"; every hook runs what it ran`);
    await recover(host);
    await restoreApplied(host);
    return await work();
  } finally {
    lock.release();
  }
}

/** The record of what runs, made again from the policy that was applied last, where it is lost. */
async function restoreApplied(host: Host): Promise<void> {
  if ((await readApplied(host.state)) !== null) return;
  const last = await readLastSnapshot(host.state);
  const planned = last === null ? null : await planPass(host, last, { prune: true });
  if (planned?.kind === "planned") await writeApplied(host.state, planned.plan.applied);
}

async function applyPlanned(host: Host, snapshot: Snapshot, planned: Planned, options: PassOptions): Promise<Outcome> {
  const { plan: wanted, desired } = planned;
  if (wanted.refusals.length > 0) return recordOutcome(host, snapshot, options.trigger, { kind: "refused", plan: wanted });
  if (isEmpty(wanted)) return { kind: "unchanged", plan: wanted };
  // Healing brings back what has been tested before.
  const failing = isNewPolicy(planned) ? await refusalsByTests(host, snapshot, planned) : [];
  if (failing.length > 0) {
    return recordOutcome(host, snapshot, options.trigger, { kind: "refused", plan: { ...wanted, refusals: failing } });
  }
  const needsConfirmation = options.confirm !== undefined && isNewPolicy(planned) && wanted.commit.length > 0;
  const unsafe = needsConfirmation ? refusalsToConfirm(wanted) : [];
  if (unsafe.length > 0) return recordOutcome(host, snapshot, options.trigger, { kind: "refused", plan: { ...wanted, refusals: unsafe } });
  if (options.approve !== undefined && !(await options.approve(planned))) return { kind: "declined", plan: wanted };
  const { confirm } = options;
  const started = host.now();
  const keeper =
    confirm === undefined || !needsConfirmation
      ? null
      : keepForConfirmation(host, confirm, { plan: wanted, snapshot, trigger: options.trigger, started });
  const progress = options.progress ?? (() => undefined);
  let notes: readonly string[] = [];
  const result = await applyPlan({
    kernel: host.kernel,
    objects: objectsOf(host.policy.openObject, desired.objects),
    plan: wanted,
    applied: planned.observed.applied,
    journal: keeper ?? {
      write: (journal) => writeJournal(host.state, journal),
      clear: () => clearJournal(host.state),
      // Healing brings the same policy back: the way back stays the one of the pass that brought it first.
      archive: () => (isNewPolicy(planned) ? archiveJournal(host.state) : clearJournal(host.state)),
    },
    progress,
    verify: async () => {
      const observed = { ...(await observeFor(host, desired, planned.leaves)), applied: wanted.applied };
      notes = noteSplits(wanted, observed);
      return plan(host.policy, desired, observed, host.layout, host.name, true);
    },
  });
  if (result.kind !== "committed") return recordOutcome(host, snapshot, options.trigger, result);
  if (keeper !== null) {
    const { id, until } = keeper.confirm;
    return { kind: "unconfirmed", plan: wanted, milliseconds: host.now() - started, id, until, notes };
  }
  const leftovers = await cleanUp(host.kernel, result.cleanup, progress);
  const milliseconds = host.now() - started;
  return recordOutcome(host, snapshot, options.trigger, { kind: "applied", plan: wanted, milliseconds, leftovers, notes });
}

async function quarantined(host: Host, { desired }: Planned): Promise<QuarantineEntry | null> {
  return (await readQuarantine(host.state)).find((entry) => entry.desired === desired.digest) ?? null;
}

/** Git moving on ends every quarantine; somebody who applies a policy by hand wants to try that one again. */
async function release(host: Host, { desired }: Planned, trigger: string): Promise<void> {
  if (trigger === "commit") await clearQuarantine(host.state);
  else if (trigger === "command") await clearQuarantine(host.state, desired.digest);
}

function isReached(outcome: Outcome): boolean {
  return isKept(outcome) || outcome.kind === "unconfirmed";
}

function isKept({ kind }: Outcome): boolean {
  return kind === "applied" || kind === "unchanged";
}

/** Which chains that this plan loaded are several programs, and why: only the verifier knows, so no plan could say it. */
function noteSplits({ prepare }: Plan, { hooks }: Observed): readonly string[] {
  const loaded = new Set(prepare.flatMap((operation) => (operation.kind === "load" ? [operation.generation.id] : [])));
  return hooks.flatMap(({ hook, generations }) => {
    const split = generations.find(({ running, id }) => running && loaded.has(id))?.manifest?.linked.split;
    if (split === undefined) return [];
    return [`${hookName(hook)} is split into ${split.segments.length} programs, joined by tail calls: ${split.reason}`];
  });
}

/** A host that has no policy and never had one has nothing to write down. */
function isUnrecorded(planned: Planned, { revision }: Snapshot): boolean {
  const { desired, observed, leaves } = planned;
  // Which commit was reached last is what the next one has to go on from, also when it changes nothing here.
  const before = observed.applied?.revision;
  const isNew = isNewPolicy(planned) || before?.name !== revision.name || before.rewound !== revision.rewound;
  return leaves.length === 0 && isNew && (observed.applied !== null || desired.hooks.length > 0);
}

function isNewPolicy({ observed, desired }: Planned): boolean {
  return observed.applied?.desired !== desired.digest;
}

function plan(reader: PolicyReader, desired: Desired, observed: Observed, layout: PinLayout, host: string, prune: boolean): Plan {
  const objects = objectsOf(reader.openObject, desired.objects);
  return planChanges({ desired, observed, layout, host, version: sluiceVersion(), prune, btf: (digest) => objects.spec(digest).btf });
}
