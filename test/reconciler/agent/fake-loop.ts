// SPDX-License-Identifier: Apache-2.0

import { setImmediate } from "node:timers/promises";
import type { Fetched, Source } from "../../../reconciler/1-source/source.ts";
import type { DriftFinding } from "../../../reconciler/6-report/describe-drift.ts";
import { openLog } from "../../../reconciler/agent/agent-log.ts";
import { type AgentLoop, createLoop } from "../../../reconciler/agent/agent-loop.ts";
import type { HostRecords, HostWork, LoopParts, LoopSettings, TrialSettings } from "../../../reconciler/agent/agent-parts.ts";
import type { Clock } from "../../../reconciler/agent/clock.ts";
import type { DriftResult } from "../../../reconciler/drift.ts";
import type { Desired } from "../../../reconciler/model/desired.ts";
import type { Outcome } from "../../../reconciler/model/outcome.ts";
import type { Plan } from "../../../reconciler/model/plan.ts";
import type { ProbeResult } from "../../../reconciler/probes/probe.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import type { ArmedEnd } from "../../../reconciler/watchdog/arm.ts";

const nothing: Desired = {
  revision: { name: "test", commit: null, author: null, subject: null, committed: null },
  digest: "",
  hooks: [],
  objects: {},
};

/** Time that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Runs what is due on the way, one after another, and lets what that started come to rest. */
  advance(milliseconds: number): Promise<void>;
  /** What is waiting, in milliseconds from now, soonest first. */
  waiting(): readonly number[];
  /** Somebody sets the clock by so much, to and fro. */
  set(milliseconds: number): void;
}

export function fakeClock(): FakeClock {
  let time = Date.parse("2026-11-20T10:00:00Z");
  let set = 0;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  const soonest = () => [...timers].sort((one, other) => one.at - other.at);
  return {
    now: () => time + set,
    elapsed: () => time,
    set(milliseconds) {
      set += milliseconds;
    },
    random: () => 0.5,
    after(milliseconds, run) {
      const timer = { at: time + milliseconds, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    waiting: () => soonest().map(({ at }) => at - time),
    async advance(milliseconds) {
      const end = time + milliseconds;
      for (let next = soonest()[0]; next !== undefined && next.at <= end; next = soonest()[0]) {
        time = next.at;
        timers.delete(next);
        next.run();
        await rest();
      }
      time = end;
      await rest();
    },
  };
}

/** Until nothing that is under way gets any further by itself. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate();
}

/** A loop on a source, a host and a clock that a test plays; everything that happens is a line of `calls`. */
export interface FakeLoop {
  readonly loop: AgentLoop;
  readonly clock: FakeClock;
  readonly calls: string[];
  /** Messages of level info and above: "warn source fails, …". */
  readonly messages: string[];
  /** What the source has: a commit, or why it does not answer. */
  commit: string | Error;
  /** What is wrong with a commit as a policy. */
  readonly unreadable: Map<string, Error>;
  outcome: (commit: string) => Outcome | Error;
  /** What a commit renders to. */
  digestOf: (commit: string) => string | null;
  findings: readonly DriftFinding[];
  heal: () => Outcome | null;
  /** What a round of probes finds, and how many there were. */
  probes: () => readonly ProbeResult[];
  rounds: number;
  /** Ends the change with an id as the watchdog would. */
  readonly deciders: Map<string, (end: ArmedEnd) => void>;
  confirmFails: Error | null;
  /** What becomes of a change that is to be taken back. */
  aborted: "rolled-back" | "confirmed" | "lost";
  records: HostRecords;
  /** While not null, a pass does not end before it does. */
  gate: Promise<void> | null;
}

export async function fakeLoop(settings: Partial<LoopSettings> = {}, trial?: TrialSettings, watch?: LoopParts["watch"]): Promise<FakeLoop> {
  const clock = fakeClock();
  const messages: string[] = [];
  const log = await openLog({ level: "info", format: "json" }, { write: (line) => void messages.push(messageOf(line)) });
  const fake: Omit<FakeLoop, "loop"> = {
    clock,
    calls: [],
    messages,
    commit: "1",
    unreadable: new Map(),
    outcome: () => applied(),
    digestOf: (commit) => `digest of ${commit}`,
    findings: [],
    heal: () => applied(),
    probes: () => [],
    rounds: 0,
    deciders: new Map(),
    confirmFails: null,
    aborted: "rolled-back",
    records: { good: null, hold: null, quarantine: [], unconfirmed: null },
    gate: null,
  };
  const defaults: LoopSettings = { pollMilliseconds: 60_000, pollJitter: 0.1, driftMilliseconds: null, driftMode: "alert" };
  const loop = createLoop({
    source: sourceOf(fake),
    work: workOf(fake),
    clock,
    log,
    settings: { ...defaults, ...settings },
    ...(trial === undefined ? {} : { trial }),
    ...(watch === undefined ? {} : { watch }),
  });
  return Object.assign(fake, { loop });
}

/** An outcome with a plan that is as empty as its kind allows. */
export function applied(hooks: Plan["hooks"] = []): Outcome {
  return { kind: "applied", plan: planOf(hooks), milliseconds: 5, leftovers: [], notes: [] };
}

export function planOf(hooks: Plan["hooks"]): Plan {
  const { revision } = fetchedOf("1");
  const lists = { refusals: [], warnings: [], prepare: [], commit: [], cleanup: [], objects: {} };
  return {
    format: "1.0",
    host: "edge",
    revision,
    desired: "",
    base: "",
    hooks,
    ...lists,
    applied: { revision, desired: "", owned: {}, previous: {} },
  };
}

export function unreachable(message = "Cannot fetch"): ReconcilerError {
  return new ReconcilerError("source-unreachable", message);
}

function fetchedOf(commit: string): Fetched {
  return { identity: commit, revision: { name: `main@sha1:${commit}`, commit, author: "alice", subject: "x", committed: null } };
}

function sourceOf(fake: Omit<FakeLoop, "loop">): Source {
  return {
    name: "fake",
    watch: [],
    async fetch(signal, moved) {
      fake.calls.push(moved === true ? "fetch moved" : "fetch");
      signal.throwIfAborted();
      if (fake.commit instanceof Error) throw fake.commit;
      return fetchedOf(fake.commit);
    },
    async snapshot({ revision, identity }) {
      const error = fake.unreadable.get(identity);
      if (error !== undefined) throw error;
      return { revision, files: new Map([["commit", Buffer.from(identity)]]) };
    },
    async close() {},
  };
}

function workOf(fake: Omit<FakeLoop, "loop">): HostWork {
  return {
    async recover() {
      fake.calls.push("recover");
      return null;
    },
    async pass({ files }, trigger) {
      const commit = Buffer.from(files.get("commit") ?? []).toString();
      fake.calls.push(`pass ${commit} ${trigger}`);
      await fake.gate;
      const outcome = fake.outcome(commit);
      if (outcome instanceof Error) throw outcome;
      if (outcome.kind === "held") fake.records = { ...fake.records, hold: { ...outcome, desired: "", reason: null } };
      if (outcome.kind === "applied") fake.records = { ...fake.records, hold: null };
      return outcome;
    },
    async digest({ files }) {
      return fake.digestOf(Buffer.from(files.get("commit") ?? []).toString());
    },
    async drift(): Promise<DriftResult> {
      fake.calls.push("drift");
      return { kind: "checked", report: { findings: fake.findings, unmanaged: [] }, plan: planOf([]), desired: nothing };
    },
    async heal(modes) {
      fake.calls.push(`heal ${modes.join(" ")}`);
      return fake.heal();
    },
    async confirm(id, message) {
      fake.calls.push(`confirm ${id}: ${message}`);
      if (fake.confirmFails !== null) throw fake.confirmFails;
    },
    async abort(id, { message, quarantine }) {
      fake.calls.push(`abort ${id}: ${message}${quarantine ? "" : " (not quarantined)"}`);
      return fake.aborted;
    },
    decided: (id) => new Promise((resolve) => fake.deciders.set(id, resolve)),
    async probe() {
      fake.rounds += 1;
      return fake.probes();
    },
    async refuse({ name }, error) {
      fake.calls.push(`refuse ${name}: ${error.message}`);
    },
    records: async () => fake.records,
  };
}

function messageOf(line: string): string {
  const { level, msg } = JSON.parse(line) as { level: string; msg: string };
  return `${level} ${msg}`;
}
