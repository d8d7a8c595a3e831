// SPDX-License-Identifier: Apache-2.0

import test from "ava";
import picocolors from "picocolors";
import type { Capability } from "../../../bpf/kernel/capabilities.ts";
import type { DriftFinding } from "../../../reconciler/6-report/describe-drift.ts";
import type { AgentStatus, DriftStatus, KnownDrift } from "../../../reconciler/agent/agent-status.ts";
import type { Alert } from "../../../reconciler/alerts/alert.ts";
import type { AgentAnswer } from "../../../reconciler/cli/agent-client.ts";
import { buildChecks, type MachineFacts } from "../../../reconciler/cli/build-checks.ts";
import { doctorToJson, printDoctor, works } from "../../../reconciler/cli/print-doctor.ts";
import { driftToJson, printDrift } from "../../../reconciler/cli/print-drift.ts";
import { printEvents, printFiring } from "../../../reconciler/cli/print-events.ts";
import { historyToJson, printHistory } from "../../../reconciler/cli/print-history.ts";
import type { Desired } from "../../../reconciler/model/desired.ts";
import type { Plan } from "../../../reconciler/model/plan.ts";
import type { HistoryEntry } from "../../../reconciler/state/history.ts";

const plain = { width: null, colors: picocolors.createColors(false) };
const colored = { width: null, colors: picocolors.createColors(true) };
const entry: HistoryEntry = {
  time: "2026-11-20T10:26:12.000Z",
  revision: `main@sha1:${"7c1e4f2a".repeat(5)}`,
  author: "alice",
  subject: "block scanners",
  result: "applied",
  hooks: [{ hook: "eth0/xdp", from: "a", to: "b" }],
  milliseconds: 38,
  message: null,
  trigger: "commit",
};

test("printHistory() is a table, newest first, with the reason where something went wrong", (t) => {
  const failed: HistoryEntry = { ...entry, result: "rolled-back", hooks: [], milliseconds: 0, message: "Cannot load\x1b[1m", author: null };

  t.is(
    printHistory([failed, entry], plain),
    `TIME                  RESULT       REVISION       AUTHOR   TOOK  BY      HOOKS     SUBJECT OR REASON
2026-11-20 10:26:12Z  rolled-back  main@7c1e4f2a  -        0 ms  commit  -         Cannot load\\x1b[1m
2026-11-20 10:26:12Z  applied      main@7c1e4f2a  alice   38 ms  commit  eth0/xdp  block scanners
`,
  );
  t.is(printHistory([], plain), "Nothing has been applied on this host yet\n");
  t.true(printHistory([entry, { ...entry, result: "stuck" }], colored).includes("\x1b[32mapplied"));
  const rewound = `main@sha1:${"1b90aa3c".repeat(5)}`;
  t.regex(
    printHistory([{ ...entry, signer: "alice\x1b[1m (SHA256:x)", rewound }], plain),
    / main@7c1e4f2a, rewound from main@1b90aa3c {2}alice, signed by alice\\x1b\[1m \(SHA256:x\) /,
  );
  t.deepEqual(historyToJson("edge-03", [entry]), { format: "1.0", kind: "history", host: "edge-03", entries: [entry] });
});

const alert: Alert = {
  name: "SluiceDrift",
  severity: "critical",
  labels: {},
  revision: null,
  summary: "missing",
  description: "Next: sluice drift",
  fingerprint: "0123456789abcdef",
  startsAt: "2026-11-20T10:26:12.000Z",
  firstSeen: "2026-11-20T10:00:00.000Z",
  count: 1,
};

test("printEvents() and printFiring() say how often an alert has begun, and who will never take an event", (t) => {
  const event = { id: 1, status: "firing", time: alert.startsAt, alert } as const;

  t.is(
    printEvents(
      [
        { ...event, failed: { "ops\x1b": "it answers 401" } },
        { ...event, status: "resolved" },
      ],
      plain,
    ),
    `2026-11-20 10:26:12Z firing   SluiceDrift: missing
  not taken by ops\\x1b: it answers 401
2026-11-20 10:26:12Z resolved SluiceDrift: missing
`,
  );
  t.regex(printFiring([alert], plain), /^critical SluiceDrift for [^,]*: missing\n {2}Next: sluice drift\n\n$/);
  t.regex(printFiring([{ ...alert, count: 3 }], plain), / for .*, 3 times since 2026-11-20 10:00:00Z: missing\n/);
});

const finding: DriftFinding = {
  class: "keys",
  hook: { interface: "eth0", kind: "xdp" },
  place: "map acl/hosts4",
  expected: "the keys of the policy",
  found: "0 missing, 1 changed, 0 unexpected",
  mode: "alert",
};
const plan = { revision: { name: "dir:/p", commit: null, author: null, subject: null, committed: null } } as unknown as Plan;
const desired = {} as Desired;

const nobody = { kind: "absent" } as const;
const now = Date.parse("2026-11-20T10:00:41Z");

function agentThatKnows(drift: DriftStatus): AgentAnswer {
  return { kind: "alive", status: { drift } as AgentStatus };
}

test("printDrift() shows what differs, what is ignored, and what is not ours", (t) => {
  const report = { findings: [finding, { ...finding, mode: "ignore" as const }], unmanaged: ['eth0/tc-egress: program "tail" (id 912)'] };
  const facts = { host: "edge-03", found: { kind: "checked" as const, report, plan, desired }, agent: nobody };

  t.is(
    printDrift(facts, { ...plain, now }),
    `Drift: 1 difference on edge-03 to dir:/p

WHAT  CHAIN     PLACE           EXPECTED                FOUND                               MODE
keys  eth0/xdp  map acl/hosts4  the keys of the policy  0 missing, 1 changed, 0 unexpected  alert
keys  eth0/xdp  map acl/hosts4  the keys of the policy  0 missing, 1 changed, 0 unexpected  ignore

Since when, how often and by whom only an agent knows: none runs here

Not of Sluice, left alone:
  eth0/tc-egress: program "tail" (id 912)

Next: sluice drift --heal brings it back
`,
  );
  t.deepEqual(driftToJson(facts), {
    format: "1.0",
    kind: "drift",
    host: "edge-03",
    agent: "absent",
    hears: null,
    revision: plan.revision,
    findings: report.findings.map((one) => ({ ...one, since: null, count: null, culprit: null })),
    unmanaged: report.unmanaged,
  });
});

test("printDrift() tells what the agent knows of each difference", (t) => {
  const culprit = { call: "BPF_MAP_UPDATE_ELEM", pid: 77, command: "bpf\ntool", uid: 1000, cgroup: "/user.slice", at: "" };
  const known: KnownDrift = { ...finding, since: "2026-11-20T10:00:00.000Z", count: 3, culprit };
  const link: DriftFinding = { ...finding, class: "missing", place: "link" };
  const report = { findings: [finding, link], unmanaged: [] };
  const found = { kind: "checked" as const, report, plan, desired };
  const facts = (drift: Partial<DriftStatus>) => ({
    host: "edge-03",
    found,
    agent: agentThatKnows({ checked: "", hears: true, findings: [known], contested: [], ...drift }),
  });
  const linesOf = (drift: Partial<DriftStatus>) =>
    printDrift(facts(drift), { ...plain, now })
      .split("\n")
      .filter((line) => line.startsWith("  "));

  t.deepEqual(linesOf({}), [
    "  eth0/xdp, map acl/hosts4: for 41 s, 3 times since it started, by bpf\\x0atool (BPF_MAP_UPDATE_ELEM, pid 77, uid 1000, cgroup /user.slice)",
    "  eth0/xdp, link: not seen by it twice yet",
  ]);
  const unheard = { ...known, count: 1, culprit: null };
  t.is(linesOf({ findings: [unheard] })[0], "  eth0/xdp, map acl/hosts4: for 41 s, 1 time since it started, nobody was heard doing it");
  t.is(
    linesOf({ hears: false, findings: [unheard] })[0],
    "  eth0/xdp, map acl/hosts4: for 41 s, 1 time since it started, it cannot hear who changes something here",
  );
  t.like(driftToJson(facts({})), {
    agent: "alive",
    hears: true,
    findings: [known, { ...link, since: null, count: null, culprit: null }],
  });
});

test("printDrift() says when an agent is there and does not answer", (t) => {
  const found = { kind: "checked" as const, report: { findings: [finding], unmanaged: [] }, plan, desired };
  const agent = { kind: "silent", reason: "it did not answer within 2 s" } as const;

  const text = printDrift({ host: "edge-03", found, agent }, { ...plain, now });

  t.true(text.includes("only an agent knows: the one here does not answer (it did not answer within 2 s)\n"), text);
});

test("printDrift() says so when there is none, and when there is nothing to compare with", (t) => {
  const none = { kind: "checked" as const, report: { findings: [], unmanaged: [] }, plan, desired };
  const facts = { host: "edge-03", found: none, agent: nobody };
  const nothing = { ...facts, found: { kind: "none-applied" as const } };

  t.is(printDrift(facts, { ...plain, now }), "No drift. edge-03 runs what was applied: dir:/p\n");
  t.is(printDrift(nothing, { ...plain, now }), "Nothing has been applied on edge-03 yet, so nothing can differ from it\n");
  t.like(driftToJson(nothing), { revision: null, findings: [] });
});

const good = { works: true, problem: null };
const refused = { works: false, problem: "Operation not permitted (EPERM)" };
const machine: MachineFacts = {
  node: "20.19.1",
  root: true,
  probe: {
    release: "6.18.4",
    libbpf: "v1.1",
    libbpfProblem: null,
    capabilities: new Set<Capability>(["bpf", "net_admin", "perfmon", "sys_admin"]),
    ...{ createsMaps: good, loadsXdp: good, tcx: good, batches: good },
    bpffs: ["/sys/fs/bpf"],
    unprivilegedBpfDisabled: 2,
    memlock: 8_388_608,
  },
  kernelBtf: true,
  user: { uid: 0, gid: 0 },
  bpffs: { path: "/sys/fs/bpf/sluice", ready: true, writable: true },
  tripwire: null,
  libpcap: "1.10.3",
  git: "2.39.5",
  state: { path: "/var/lib/sluice", fault: null, hint: null },
  agent: { kind: "absent" },
};

test("buildChecks() of a machine that has everything", (t) => {
  const checks = buildChecks(machine);

  t.deepEqual(
    checks.filter((check) => check.status !== "ok"),
    [],
  );
  t.true(printDoctor(checks, plain).endsWith("\nSluice works here\n"));
});

test("printDoctor() says what is missing and what to type, worst first", (t) => {
  const probe = {
    ...machine.probe,
    capabilities: new Set<Capability>(),
    loadsXdp: refused,
    tcx: refused,
  };
  const checks = buildChecks({
    ...machine,
    root: false,
    probe,
    git: null,
    bpffs: { path: "/sys/fs/bpf/sluice", ready: false, writable: false },
  });

  const text = printDoctor(checks, plain);

  const give =
    "Run as root (sudo sluice doctor), or give a service AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON, " +
    "a container --cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON";
  t.false(works(checks));
  t.is(
    text.slice(text.indexOf("What to do")),
    `What to do
  privileges: ${give}
  xdp: ${give}
  bpffs: mount -t bpf bpf /sys/fs/bpf
  tcx: ${give}
  git: apt-get install git

Sluice cannot work here: 3 of ${checks.length} checks failed
`,
  );
  t.like(doctorToJson("h", checks), { kind: "doctor", works: false });
});

test("buildChecks() gives no other advice for what a missing capability explains", (t) => {
  const capabilities = new Set<Capability>(["net_admin", "perfmon"]);
  const probe = { ...machine.probe, capabilities, createsMaps: refused, loadsXdp: refused, tcx: refused, batches: refused };

  const lacking = buildChecks({ ...machine, probe, tripwire: "Cannot watch" });
  const older = buildChecks({ ...machine, probe: { ...machine.probe, tcx: refused, batches: refused } });

  t.deepEqual([...new Set(lacking.map(({ fix }) => fix).filter((fix) => fix !== null))], ["Start the container with --cap-add BPF"]);
  t.deepEqual(
    older.flatMap(({ fix }) => fix ?? []),
    ["Boot Linux 6.6 or newer, or use xdp only", "Nothing breaks; big sets load faster from Linux 5.6 on"],
  );
});

const judged = test.macro<[string, Partial<MachineFacts>, string, string]>({
  title: (_, title) => `buildChecks() judges ${title}`,
  exec(t, _, facts, name, expected) {
    const check = buildChecks({ ...machine, ...facts }).find((candidate) => candidate.name === name);

    t.is(`${check?.status}: ${check?.found}`, expected);
  },
});
const old = { ...machine.probe, release: "5.4.0-1-amd64" };
test(judged, "an old kernel", { probe: old }, "kernel", "fail: 5.4.0-1-amd64, expected 5.10 or newer");
test(judged, "locked memory before 5.11", { probe: old }, "memlock", "warn: maps may take 8388608 bytes together");
test(judged, "an old Node.js", { node: "18.20.0" }, "node", "fail: 18.20.0, expected 20.19 or newer");
test(judged, "no libpcap", { libpcap: null }, "libpcap", 'warn: not found: policies with "match" cannot be used');
test(judged, "an old git", { git: "2.25.1" }, "git", "fail: 2.25.1, expected 2.30 or newer");
test(
  judged,
  "a bpffs that root will mount",
  { bpffs: { path: "/x", ready: false, writable: false } },
  "bpffs",
  "ok: /x is not mounted yet; the first apply does that",
);
test(
  judged,
  "a kernel without BTF",
  { kernelBtf: false },
  "btf",
  "warn: the kernel has no BTF: objects of your own that use CO-RE will not load",
);
test(
  judged,
  "a missing libbpf",
  { probe: { ...machine.probe, libbpf: null, libbpfProblem: "cannot open" } },
  "libbpf",
  "fail: cannot open",
);
test(
  judged,
  "root without BPF",
  { probe: { ...machine.probe, createsMaps: refused } },
  "maps",
  "fail: the kernel refuses: Operation not permitted (EPERM)",
);
test(
  judged,
  "root in a container that lacks one",
  { probe: { ...machine.probe, capabilities: new Set<Capability>(["bpf", "net_admin"]) } },
  "privileges",
  "fail: CAP_PERFMON missing",
);
test(
  judged,
  "a bpffs that is root's",
  { root: false, user: { uid: 64, gid: 65 }, bpffs: { path: "/sys/fs/bpf/sluice", ready: true, writable: false } },
  "bpffs",
  "fail: /sys/fs/bpf/sluice is not for user 64 to pin in",
);
test(
  judged,
  "a tracefs that is root's",
  { tripwire: "Cannot watch" },
  "tripwire",
  "warn: changes by others are found by looking, every minute, and nobody knows who: Cannot watch",
);
test(judged, "capabilities instead of root", { root: false }, "privileges", "ok: not root, but with the capabilities that are needed");
test(
  judged,
  "a kernel without batches",
  { probe: { ...machine.probe, batches: refused } },
  "batches",
  "warn: maps are written key by key: Operation not permitted (EPERM)",
);
test(
  judged,
  "a state directory of somebody else",
  { state: { path: "/s", fault: "it belongs to user 1", hint: null } },
  "state",
  "fail: it belongs to user 1",
);
test(
  judged,
  "an agent that hangs",
  { agent: { kind: "silent", reason: "no answer" } },
  "agent",
  "warn: its socket does not answer: no answer",
);
