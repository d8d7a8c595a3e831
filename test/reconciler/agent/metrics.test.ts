// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import { printMetrics } from "../../../reconciler/6-report/print-metrics.ts";
import type { AgentStatus } from "../../../reconciler/agent/agent-status.ts";
import { collectMetrics } from "../../../reconciler/agent/collect-metrics.ts";
import { serveMetrics } from "../../../reconciler/agent/serve-metrics.ts";
import { addDuration, emptyTally } from "../../../reconciler/agent/tally.ts";
import type { InspectedHook } from "../../../reconciler/inspect-hook.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";

const known = { since: "2026-11-27T08:00:03.000Z", count: 1, culprit: null };
const status: AgentStatus = {
  format: "1.0",
  kind: "agent-status",
  version: "0.1.0",
  pid: 7,
  started: "2026-11-27T08:00:00.000Z",
  filteredAfter: 640,
  source: {
    name: "ssh://git@example.net/filters.git",
    state: "answers",
    lastAnswer: "2026-11-27T08:00:01.000Z",
    error: null,
    failures: 0,
    nextTry: null,
  },
  revision: { name: 'main@sha1:7c1e "x"\\', commit: null, author: null, subject: null, committed: null },
  lastPass: {
    time: "2026-11-27T08:00:02.500Z",
    trigger: "watch",
    result: "applied",
    revision: "main@sha1:7c1e",
    message: null,
    code: null,
  },
  pending: ["eth1/xdp"],
  held: true,
  drift: {
    checked: "2026-11-27T08:00:03.000Z",
    hears: true,
    findings: [
      { class: "keys", hook: { interface: "eth0", kind: "xdp" }, place: "map a/v4", expected: "", found: "", mode: "alert", ...known },
      { class: "keys", hook: { interface: "eth0", kind: "xdp" }, place: "map b/v4", expected: "", found: "", mode: "alert", ...known },
    ],
    contested: [],
  },
  unconfirmed: { id: "a1", revision: "main", until: "2026-11-27T08:01:00.000Z", probes: [] },
  quarantined: null,
  records: {
    good: { revision: "main@sha1:1b90", desired: "d1", since: "2026-11-27T07:00:00.000Z" },
    hold: { since: "2026-11-27T07:30:00.000Z", revision: "main@sha1:7c1e", desired: "d2", reason: null },
    quarantine: [{ desired: "d2", revision: "main@sha1:7c1e", since: "2026-11-27T07:30:00.000Z", reason: "Failing: tcp" }],
    unconfirmed: { id: "a1", until: "2026-11-27T08:01:00.000Z" },
  },
  receivers: [
    {
      name: "ops",
      waiting: 2,
      error: { reason: "it answers 401", since: "2026-11-27T08:00:00.000Z", final: true },
      counts: { sent: 5, failed: 1, retried: 3 },
    },
  ],
};

const hook = {
  interface: "eth0",
  kind: "xdp",
  generation: "0a1b",
  broken: null,
  instructions: 120,
  foreign: [],
  steps: [{ name: "bogons", counts: [{ verdict: "drop", packets: 12345678901234567890n }] }],
} as unknown as InspectedHook;

const use = { residentBytes: 1e8, processorSeconds: 1.5 };
const read = { value: [hook], time: Date.parse("2026-11-27T08:00:04.000Z"), isFresh: true };

test("printMetrics() of an agent with one chain", (t) => {
  const tally = emptyTally();
  tally.rollbacks.probes++;
  for (const milliseconds of [4, 5, 300, 90_000]) addDuration(tally.fetchTime, milliseconds);
  const text = printMetrics(collectMetrics({ status, tally, hooks: read, use }));

  // The grammar of the text format: comments, or name{labels} value.
  for (const line of text.trimEnd().split("\n"))
    t.regex(
      line,
      /^(# (HELP [a-z_]+ .+\.|TYPE [a-z_]+ (gauge|counter|histogram))|[a-z_]+(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? [0-9.e+]+)$/,
    );
  t.true(text.includes('sluice_source_info{source="ssh://git@example.net/filters.git",revision="main@sha1:7c1e \\"x\\"\\\\"} 1\n'));
  t.true(text.includes('sluice_step_packets_total{interface="eth0",hook="xdp",step="bogons",verdict="drop"} 12345678901234567890\n'));
  t.true(text.includes('sluice_drift_items{interface="eth0",hook="xdp",kind="keys"} 2\n'));
  for (const line of [
    "sluice_suspended 1",
    "sluice_suspended_since_timestamp_seconds 1795764600",
    "sluice_quarantined_revisions 1",
    "sluice_quarantine_timestamp_seconds 1795764600",
    'sluice_last_known_good_info{revision="main@sha1:1b90",digest="d1"} 1',
    "sluice_last_known_good_timestamp_seconds 1795762800",
    'sluice_rollbacks_total{reason="probes"} 1',
    'sluice_rollbacks_total{reason="hand"} 0',
    'sluice_drift_heals_total{result="refused"} 0',
    "sluice_drift_contested_items 0",
    'sluice_fetch_duration_seconds_bucket{le="0.005"} 2',
    'sluice_fetch_duration_seconds_bucket{le="0.25"} 2',
    'sluice_fetch_duration_seconds_bucket{le="0.5"} 3',
    'sluice_fetch_duration_seconds_bucket{le="60"} 3',
    'sluice_fetch_duration_seconds_bucket{le="+Inf"} 4',
    "sluice_fetch_duration_seconds_sum 90.309",
    "sluice_fetch_duration_seconds_count 4",
    'sluice_notification_receiver_up{receiver="ops"} 0',
    'sluice_notification_queue_length{receiver="ops"} 2',
    'sluice_notifications_total{receiver="ops",result="failed"} 1',
    "sluice_kernel_reading_up 1",
    "sluice_kernel_reading_timestamp_seconds 1795766404",
    "sluice_confirm_pending 1",
    "sluice_confirm_deadline_timestamp_seconds 1795766460",
    "sluice_pending_hooks 1",
    "sluice_last_pass_timestamp_seconds 1795766402.5",
    'sluice_chain_attached{interface="eth0",hook="xdp"} 1',
    "process_cpu_seconds_total 1.5",
  ])
    t.true(text.includes(`\n${line}\n`) || text.endsWith(`\n${line}\n`), line);
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  t.is(new Set(names).size, names.length);
});

test("printMetrics() of an agent that has just been started says nothing of what has not been yet", (t) => {
  const fresh = { ...status, revision: null, lastPass: null, pending: [], held: false, drift: null, unconfirmed: null, records: null };
  const asked = { ...fresh, source: { ...status.source, state: "not-asked" as const, lastAnswer: null } };
  const hooks = { value: null, time: null, isFresh: false };
  const text = printMetrics(collectMetrics({ status: asked, tally: emptyTally(), hooks, use }));

  t.false(/last_pass|drift_check|drift_items|deadline|sluice_chain|last_success|known_good|reading_timestamp/.test(text), text);
  t.true(text.includes("sluice_source_up 0\n"));
  t.true(text.includes("sluice_kernel_reading_up 0\n"));
});

test("every metric is in the documentation, and the rules for alerts know only metrics that there are", (t) => {
  const metrics = collectMetrics({ status, tally: emptyTally(), hooks: read, use });
  const names = metrics.map(({ name }) => name);
  const documentation = readFileSync(join(packageRoot(), "docs/operations.md"), "utf8");
  const rules = readFileSync(join(packageRoot(), "docs/alerts.yaml"), "utf8");

  t.deepEqual(
    names.filter((name) => name.startsWith("sluice_") && !documentation.includes(`\`${name}\``)),
    [],
  );
  t.deepEqual(
    [...rules.matchAll(/sluice_[a-z_]+/g)].map(([name]) => name).filter((name) => !names.includes(name)),
    [],
  );
});

test("scrapes that come together are one, and one that fails does not stay", async (t) => {
  let asked = 0;
  const server = await serveMetrics("127.0.0.1:0", async () => {
    asked += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (asked === 2) throw new Error("No kernel");
    return "up 1\n";
  });
  t.teardown(() => server.end());
  const get = async (path = "/metrics") => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return `${response.status} ${await response.text()}`;
  };

  t.deepEqual(await Promise.all([get(), get(), get()]), ["200 up 1\n", "200 up 1\n", "200 up 1\n"]);
  t.is(asked, 1);
  t.is(await get(), "500 No kernel\n");
  t.is(await get("/metrics?x=1"), "200 up 1\n");
  t.is(await get("/"), "404 Metrics are at /metrics\n");
  const taken = await t.throwsAsync(
    serveMetrics(`127.0.0.1:${server.port}`, async () => ""),
    { instanceOf: ReconcilerError },
  );
  t.regex(taken.message, /^Cannot serve metrics at 127\.0\.0\.1:\d+: .*EADDRINUSE/);
});
