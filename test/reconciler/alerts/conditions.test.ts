// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { AgentStatus } from "../../../reconciler/agent/agent-status.ts";
import { conditionsOf, unknownConditions } from "../../../reconciler/alerts/conditions.ts";

const fine: AgentStatus = {
  format: "1.0",
  kind: "agent-status",
  version: "0.1.0",
  pid: 1,
  started: "2026-11-20T10:00:00.000Z",
  filteredAfter: null,
  source: { name: "repo main", state: "answers", lastAnswer: "2026-11-20T10:00:00.000Z", error: null, failures: 0, nextTry: null },
  revision: null,
  lastPass: { time: "2026-11-20T10:00:00.000Z", trigger: "commit", result: "applied", revision: "abc", message: null, code: null },
  pending: [],
  held: false,
  drift: { checked: "2026-11-20T10:00:00.000Z", hears: true, findings: [], contested: [] },
  unconfirmed: null,
  quarantined: null,
  records: null,
};
const error = { code: "source-unreachable", message: "Cannot reach it\x1b[31m", hint: "Look at the network" };
const short = (status: Partial<AgentStatus>) =>
  conditionsOf({ ...fine, ...status }).map(({ name, severity, labels, summary }) => ({ name, severity, labels, summary }));

test("nothing is wrong with a host that is what the policy says", (t) => {
  t.deepEqual(conditionsOf(fine), []);
});

test("a source counts as failing from the third time on, and its texts are safe to print", (t) => {
  const failing = (failures: number) => short({ source: { ...fine.source, state: "fails", error, failures } });

  t.deepEqual(failing(2), []);
  t.deepEqual(failing(3), [
    {
      name: "SluiceSourceFailing",
      severity: "warning",
      labels: { source: "repo main" },
      summary: "The policy cannot be read: Cannot reach it\\x1b[31m",
    },
  ]);
  t.is(
    conditionsOf({ ...fine, source: { ...fine.source, state: "fails", error, failures: 3 } })[0]?.description,
    "Look at the network. What runs is still healed. Next: sluice status",
  );
});

test("a source that answers with what is not taken is stalled: at once without a good signature, else from the third time on", (t) => {
  const failing = (code: string, failures: number) =>
    short({ source: { ...fine.source, state: "fails", error: { ...error, code }, failures } }).map(({ name, labels }) => [name, labels]);
  const stalled = [["SluiceStalled", { source: "repo main" }]];

  t.deepEqual(failing("source-unverified", 1), stalled);
  for (const code of ["source-ref-missing", "source-refused"]) {
    t.deepEqual(failing(code, 2), []);
    t.deepEqual(failing(code, 3), stalled);
  }
  const lastPass = { time: "", trigger: "commit", result: "invalid", revision: "abc", message: "Too large", code: "source-invalid" };
  t.deepEqual(short({ lastPass }), [
    {
      name: "SluiceStalled",
      severity: "warning",
      labels: { source: "repo main" },
      summary: "What the repository has is no policy: Too large",
    },
  ]);
  t.is(short({ lastPass: { ...lastPass, message: null } })[0]?.summary, "What the repository has is no policy: invalid");
});

test("packet tests that fail, and a revision that was taken back, are told apart from other passes that fail", (t) => {
  const lastPass = { time: "", trigger: "commit", result: "refused", revision: "abc", message: 'Test "x" fails', code: "tests-failed" };

  t.deepEqual(short({ lastPass }), [
    { name: "SluiceTestsFailed", severity: "warning", labels: {}, summary: 'Packet tests of revision abc fail: Test "x" fails' },
  ]);
  t.is(short({ lastPass: { ...lastPass, message: null } })[0]?.summary, "Packet tests of revision abc fail: refused");
  t.deepEqual(short({ lastPass: { ...lastPass, code: "shadowed" } })[0]?.labels, { result: "refused" });
  t.deepEqual(short({ quarantined: { revision: "abc\n", reason: "No" } })[0]?.labels, { revision: "abc\\x0a" });
});

test("a rewound branch is told at once, whether it was taken or not, and only under its own name", (t) => {
  const labels = { source: "repo main" };
  const refused = { code: "source-rewound", message: "Cannot follow it", hint: "Apply it by hand" };
  const revision = { name: "main@sha1:b", commit: "b", author: null, subject: null, committed: null };

  t.deepEqual(short({ source: { ...fine.source, state: "fails", error: refused, failures: 5 } }), [
    { name: "SluiceSourceRewound", severity: "warning", labels, summary: "Cannot follow it" },
  ]);
  t.deepEqual(short({ revision }), []);
  t.deepEqual(short({ revision: { ...revision, rewound: "main@sha1:a" } }), [
    {
      name: "SluiceSourceRewound",
      severity: "warning",
      labels,
      summary: "Revision main@sha1:b does not go on from main@sha1:a, which was there before",
    },
  ]);
});

test("each difference of the kernel is a condition of its own, with who made it", (t) => {
  const hook = { interface: "eth0", kind: "xdp" } as const;
  const since = "2026-11-20T10:00:00.000Z";
  const finding = (place: string, kind: "missing" | "keys") =>
    ({ class: kind, hook, place, expected: "ours", found: "nothing", mode: "heal", since }) as const;
  const culprit = { call: "BPF_LINK_DETACH", pid: 77, command: "bpftool", uid: 0, cgroup: "/user.slice", at: since };
  const drift = {
    checked: "",
    hears: true,
    findings: [
      { ...finding("link", "missing"), count: 3, culprit },
      { ...finding("map a/b", "keys"), count: 1, culprit: null },
    ],
    contested: ["eth0/xdp map a/b"],
  };

  const conditions = conditionsOf({ ...fine, drift });

  t.deepEqual(
    conditions.map(({ severity, labels }) => ({ severity, labels })),
    [
      { severity: "critical", labels: { hook: "eth0/xdp", place: "link", kind: "missing" } },
      { severity: "warning", labels: { hook: "eth0/xdp", place: "map a/b", kind: "keys" } },
    ],
  );
  t.is(conditions[0]?.summary, "missing at eth0/xdp, link: expected ours, found nothing");
  t.is(
    conditions[0]?.description,
    "Since 2026-11-20T10:00:00.000Z, 3 times since the agent started, by bpftool (BPF_LINK_DETACH, pid 77, uid 0, cgroup /user.slice). It is healed. Next: sluice drift",
  );
  t.is(
    conditions[1]?.description,
    "Since 2026-11-20T10:00:00.000Z. It comes back whenever it is healed, so it is left alone for ten minutes. Next: sluice drift",
  );
});

test("what failed, was taken back, waits or is held is told, with what to type next", (t) => {
  const lastPass = { time: "", trigger: "commit", result: "stuck", revision: "abc", message: "Cannot undo", code: null };
  const status = {
    ...fine,
    lastPass,
    held: true,
    pending: ["eth7/xdp"],
    quarantined: { revision: "bad", reason: "The ping probe failed" },
    unconfirmed: { id: "c1", revision: "new", until: "2026-11-20T10:05:00.000Z", probes: [] },
  };

  t.deepEqual(
    conditionsOf(status).map(({ name, severity, description }) => [name, severity, description.split("Next: ")[1] ?? ""]),
    [
      ["SluicePassFailed", "critical", "sluice rescue"],
      ["SluiceRolledBack", "critical", "sluice history"],
      ["SluiceConfirmationPending", "info", "sluice confirm c1, or sluice abort c1"],
      ["SluiceHeld", "info", "sluice apply"],
      ["SluicePending", "info", ""],
    ],
  );
});

test("an agent that has just started does not know what is over", (t) => {
  const started = { ...fine, lastPass: null, drift: null, source: { ...fine.source, state: "not-asked" as const } };
  const all = [
    "SluiceConfirmationPending",
    "SluiceDrift",
    "SluiceHeld",
    "SluicePassFailed",
    "SluicePending",
    "SluiceRolledBack",
    "SluiceSourceFailing",
    "SluiceSourceRewound",
    "SluiceStalled",
    "SluiceTestsFailed",
  ];
  const unknown = (status: AgentStatus, watchesDrift = true) => [...unknownConditions(status, watchesDrift)].sort();

  t.deepEqual(unknown(started), all);
  t.deepEqual(unknown({ ...started, source: { ...fine.source, state: "fails", error, failures: 1 } }), all);
  const failing = (code: string) => ({ ...fine, source: { ...fine.source, state: "fails" as const, error: { ...error, code } } });
  t.deepEqual(unknown(failing("source-unverified")), ["SluiceSourceRewound"]);
  t.deepEqual(unknown(failing("source-rewound")), []);
  t.deepEqual(unknown(fine), []);
  t.deepEqual(unknown({ ...fine, drift: null }), ["SluiceDrift"]);
  t.deepEqual(unknown({ ...fine, drift: null }, false), []);
});
