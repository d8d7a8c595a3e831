// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import picocolors from "picocolors";
import type { DriftFinding } from "../../../reconciler/6-report/describe-drift.ts";
import { buildStatus, type StatusFacts } from "../../../reconciler/cli/build-status.ts";
import { printStatus } from "../../../reconciler/cli/print-status.ts";
import type { HookPlan, Plan } from "../../../reconciler/model/plan.ts";
import type { HistoryEntry } from "../../../reconciler/state/history.ts";
import { observedHook, running } from "./observed-builders.ts";

const now = Date.parse("2026-11-20T12:00:00Z");
const options = { width: null, colors: picocolors.createColors(false), now };
const revision = {
  name: `main@sha1:${"7c1e4f2a".repeat(5)}`,
  commit: "7c1e4f2a".repeat(5),
  author: "alice",
  subject: "block",
  committed: null,
};

const entry: HistoryEntry = {
  time: "2026-11-20T11:57:00Z",
  revision: revision.name,
  author: "alice",
  subject: "block",
  result: "applied",
  hooks: [{ hook: "eth0/xdp", from: null, to: running.id }],
  milliseconds: 38,
  message: null,
  trigger: "commit",
};

const pendingHook: HookPlan = {
  hook: { interface: "eth1", kind: "xdp" },
  action: "pending",
  from: null,
  to: "aabbccdd00000000",
  changes: [{ kind: "add-step", step: "acl", uses: "acl", after: null, origin: { file: "x", line: 1, column: 1 } }],
  unchanged: 0,
  traffic: "",
  origin: null,
};

const finding: DriftFinding = { class: "changed", hook: observedHook.hook, place: "chain", expected: "a", found: "b", mode: "alert" };

const facts: StatusFacts = {
  host: "edge-03",
  observed: { devices: [], hooks: [observedHook], unknown: [], applied: { revision, desired: "dd", owned: {}, previous: {} } },
  comparison: { plan: planOf([]), report: { findings: [], unmanaged: [] } },
  history: [entry],
  hold: null,
  unfinished: false,
  unconfirmed: null,
  quarantine: [],
  agent: { kind: "absent" },
};

function planOf(hooks: readonly HookPlan[]): Plan {
  return { hooks } as Plan;
}

test("printStatus() of a host where all is well", (t) => {
  t.is(
    printStatus(buildStatus(facts), options),
    `edge-03

STATE    running   the kernel runs what was applied
RUNNING  main@7c1e4f2a  "block"  alice
LAST     applied main@7c1e4f2a 3 min ago
AGENT    not running

CHAIN     STATE    MODE    STEPS  GEN       DRIFT  FOREIGN  CHANGED
eth0/xdp  running  native      2  4f1a2c00      0        0  3 min ago
`,
  );
});

test("printStatus() of a host whose branch was rewound, by somebody who signed it", (t) => {
  const rewound = `main@sha1:${"0123abcd".repeat(5)}`;
  const text = printStatus({ ...buildStatus(facts), revision: { ...revision, signer: "alice (SHA256:x)", rewound } }, options);

  t.true(
    text.includes(
      'RUNNING  main@7c1e4f2a  "block"  alice  signed by alice (SHA256:x)\n         does not go on from main@0123abcd, which was there',
    ),
  );
});

test("printStatus() of a host that waits for an interface", (t) => {
  const status = buildStatus({ ...facts, comparison: { plan: planOf([pendingHook]), report: { findings: [], unmanaged: [] } } });

  const text = printStatus(status, options);

  t.is(status.state, "pending");
  t.true(text.includes("waiting for the interfaces of eth1/xdp"));
  t.true(text.includes("eth1/xdp  pending  -           1  aabbccdd"));
});

test("printStatus() of a host that somebody changed", (t) => {
  const ignored: DriftFinding = { ...finding, mode: "ignore" };
  const status = buildStatus({ ...facts, comparison: { plan: planOf([]), report: { findings: [finding, ignored], unmanaged: [] } } });

  const text = printStatus(status, options);

  t.like(status, { state: "drifted", drift: 1 });
  t.true(text.includes("drifted   1 difference between the kernel and what was applied\n"));
  t.true(text.endsWith("Next: sluice drift shows it, sluice drift --heal repairs it\n"));
});

test("buildStatus() shows a chain of which somebody has taken away everything", (t) => {
  const gone = { ...observedHook, link: null, mode: null, generations: [], maps: [], counters: [] };
  const other = { ...gone, hook: { interface: "eth9", kind: "xdp" as const } };
  const missing: DriftFinding = { ...finding, class: "missing", place: "link" };
  const comparison = { plan: planOf([]), report: { findings: [missing], unmanaged: [] } };

  const { hooks } = buildStatus({ ...facts, observed: { ...facts.observed, hooks: [gone, other] }, comparison });

  t.like(hooks, [{ hook: "eth0/xdp", state: "detached", generation: null, drift: 1 }]);
  t.is(hooks.length, 1);
});

test("printStatus() of a host that a rollback holds", (t) => {
  const hold = { since: "2026-11-20T11:00:00Z", revision: revision.name, desired: "dd", reason: "INC-1432" };

  const text = printStatus(buildStatus({ ...facts, hold }), options);

  t.true(text.includes("held   rolled back 2026-11-20 11:00:00Z (INC-1432); stays until git says something else\n"));
  t.true(text.endsWith("Next: git revert what was rolled back (main@7c1e4f2a), or sluice apply to leave the hold\n"));
});

test("buildStatus() puts first what needs a person", (t) => {
  const hold = { since: "", revision: "", desired: "", reason: null };
  const drifted = { plan: planOf([pendingHook]), report: { findings: [finding], unmanaged: [] } };

  t.is(buildStatus({ ...facts, unfinished: true, hold, comparison: drifted }).state, "unfinished");
  t.is(buildStatus({ ...facts, hold, comparison: drifted }).state, "held");
  t.is(buildStatus({ ...facts, comparison: drifted }).state, "drifted");
  t.is(buildStatus({ ...facts, observed: { ...facts.observed, applied: null, hooks: [] }, comparison: null }).state, "nothing-applied");
});

test("printStatus() tells why the last pass failed, and what the agent is at", (t) => {
  const last: HistoryEntry = { ...entry, result: "invalid", message: 'interfaces/eth0.yaml:4:10: Unknown hook "xpd"' };
  const source = {
    name: "/srv/git",
    state: "fails",
    lastAnswer: null,
    error: { code: "source-unreachable", message: "no\nroute", hint: "Look\nfor one" },
    failures: 3,
    nextTry: null,
  } as const;
  const agentStatus = {
    format: "1.0",
    kind: "agent-status",
    version: "0",
    pid: 12,
    started: "2026-11-20T10:00:00Z",
    filteredAfter: null,
    source,
  } as const;
  const nothing = { revision: null, lastPass: null, pending: [], held: false, drift: null, unconfirmed: null } as const;
  const agent = { kind: "alive", status: { ...agentStatus, ...nothing, quarantined: null, records: null } } as const;

  const text = printStatus(buildStatus({ ...facts, history: [last], agent }), options);

  t.true(text.includes('LAST     invalid main@7c1e4f2a 3 min ago: interfaces/eth0.yaml:4:10: Unknown hook "xpd"\n'));
  t.true(text.includes("AGENT    running for 2 h (process 12)\n         /srv/git fails: no\\x0aroute\n         Look\\x0afor one\n"));
  const receiver = (name: string, final: boolean, waiting: number, failed: number) => ({
    name,
    waiting,
    error: { reason: "no\nanswer", since: "", final },
    counts: { sent: 0, failed, retried: 0 },
  });
  const well = { name: "am", waiting: 0, error: null, counts: { sent: 1, failed: 0, retried: 0 } };
  const receivers = [receiver("ops", true, 0, 2), receiver("page", false, 1, 0), well];
  t.true(
    printStatus(buildStatus({ ...facts, history: [last], agent: { ...agent, status: { ...agent.status, receivers } } }), options).includes(
      "Look\\x0afor one\n         receiver ops refuses alerts: no\\x0aanswer, 2 events lost\n         receiver page does not take alerts: no\\x0aanswer, 1 event waiting\n",
    ),
  );
});

test("printStatus() of a change that is tried says which probes fail", (t) => {
  const unconfirmed = { id: "c-1", revision: revision.name, until: "2026-11-20T12:01:00Z", secondsLeft: 60, watched: false };
  const probes = [
    { name: "tcp 192.0.2.1:22", holds: false, detail: "no answer within 3 s" },
    { name: "git", holds: true, detail: "answers" },
  ];
  const source = { name: "/srv/git", state: "answers", lastAnswer: null, error: null, failures: 0, nextTry: null } as const;
  const agentStatus = { format: "1.0", kind: "agent-status", version: "0", pid: 12, started: "", filteredAfter: null, source } as const;
  const nothing = { revision: null, lastPass: null, pending: [], held: false, drift: null, quarantined: null, records: null };
  const tried = (id: string, found: typeof probes) => {
    const trial = { id, revision: revision.name, until: unconfirmed.until, probes: found };
    const agent = { kind: "alive", status: { ...agentStatus, ...nothing, unconfirmed: trial } } as const;
    return printStatus(buildStatus({ ...facts, unconfirmed, agent }), options);
  };

  const text = tried("c-1", probes);
  const holding = tried("c-1", probes.slice(1));

  t.true(text.includes("unless it is confirmed; nobody watches over it, so the next sluice that changes something takes it back\n"));
  const kept = printStatus(buildStatus({ ...facts, unconfirmed: { ...unconfirmed, confirmed: true } }), options);
  t.true(kept.includes(" is confirmed and stays, but not all of it is written down\n"));
  t.true(kept.includes("Next: sluice confirm c-1 writes down the rest, and so does the next pass\n"));
  t.true(text.includes("PROBES   1 of 2 hold; failing: tcp 192.0.2.1:22 (no answer within 3 s)\n"));
  t.true(holding.includes("PROBES   1 of 1 hold\n"));
  t.false(tried("c-2", probes).includes("PROBES"));
  t.false(tried("c-1", []).includes("PROBES"));
});

test("printStatus() of a host whose state directory is lost does not say that nothing runs", (t) => {
  const observed = { ...facts.observed, applied: null };

  const lost = printStatus(buildStatus({ ...facts, observed, comparison: null }), options);
  const empty = printStatus(buildStatus({ ...facts, observed: { ...observed, hooks: [] }, comparison: null }), options);

  t.true(lost.includes("nothing-applied   chains of Sluice run, but nothing is on record of what was applied\n"));
  t.true(empty.includes("nothing-applied   no policy has been applied on this host\n"));
});

test("buildStatus() asks the agent what is pending where nothing was applied yet", (t) => {
  const source = { name: "/srv/git", state: "answers", lastAnswer: null, error: null, failures: 0, nextTry: null } as const;
  const agentStatus = { format: "1.0", kind: "agent-status", version: "0", pid: 12, started: "", filteredAfter: null, source } as const;
  const nothing = { revision: null, lastPass: null, held: false, drift: null, unconfirmed: null, quarantined: null, records: null };
  const rest = { ...nothing, pending: ["eth1/xdp"] };
  const observed = { devices: [], hooks: [], unknown: [], applied: null };

  const status = buildStatus({ ...facts, observed, comparison: null, agent: { kind: "alive", status: { ...agentStatus, ...rest } } });

  t.like(status, { state: "pending", hooks: [{ hook: "eth1/xdp", state: "pending" }] });
});

test("printStatus() of broken and detached hooks", (t) => {
  const dead = { ...observedHook, link: observedHook.link && { ...observedHook.link, ifindex: 0 } };
  const detached = {
    ...observedHook,
    hook: { interface: "eth2", kind: "tc-ingress" as const },
    link: null,
    mode: null,
    generations: [{ ...running, running: false }],
  };

  const { hooks } = buildStatus({ ...facts, observed: { ...facts.observed, hooks: [dead, detached] } });

  t.deepEqual(
    hooks.map(({ hook, state, changed }) => ({ hook, state, changed })),
    [
      { hook: "eth0/xdp", state: "broken", changed: entry.time },
      { hook: "eth2/tc-ingress", state: "detached", changed: null },
    ],
  );
});
