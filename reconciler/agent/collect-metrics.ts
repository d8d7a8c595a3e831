// SPDX-License-Identifier: Apache-2.0
import type { Metric, Sample } from "../6-report/print-metrics.ts";
import type { ReceiverStatus } from "../alerts/receiver-book.ts";
import type { InspectedHook } from "../inspect-hook.ts";
import type { AgentStatus } from "./agent-status.ts";
import type { Reading } from "./latest-reading.ts";
import { type Counts, type Durations, durationBounds, type Tally } from "./tally.ts";

/** What the process itself uses. */
export interface ProcessUse {
  readonly residentBytes: number;
  readonly processorSeconds: number;
}

export interface MetricParts {
  readonly status: AgentStatus;
  readonly tally: Tally;
  readonly hooks: Reading<readonly InspectedHook[]>;
  readonly use: ProcessUse;
}

/** What the agent and its chains have to tell Prometheus. */
export function collectMetrics({ status, tally, hooks, use }: MetricParts): readonly Metric[] {
  return [
    ...agentMetrics(status),
    ...recordMetrics(status),
    ...tallyMetrics(tally),
    ...receiverMetrics(status),
    ...readingMetrics(hooks),
    ...chainMetrics(hooks.value ?? []),
    ...processMetrics(status, use),
  ];
}

function agentMetrics(status: AgentStatus): readonly Metric[] {
  const { source, lastPass, drift } = status;
  return [
    gauge("sluice_build_info", "The version that runs.", one(1, { version: status.version })),
    gauge(
      "sluice_source_info",
      "Where the policy comes from, and what was there at the last answer.",
      one(1, { source: source.name, revision: status.revision?.name ?? "" }),
    ),
    gauge("sluice_source_up", "Whether the source answered the last time it was asked.", one(source.state === "answers" ? 1 : 0)),
    gauge("sluice_source_last_success_timestamp_seconds", "When the source answered last.", at(source.lastAnswer)),
    gauge(
      "sluice_source_rewound",
      "Whether what the source has does not go on from what it had before.",
      one(status.revision?.rewound !== undefined || source.error?.code === "source-rewound" ? 1 : 0),
    ),
    gauge(
      "sluice_last_pass_timestamp_seconds",
      "When the host was last brought to what the policy says, or that was tried.",
      at(lastPass?.time ?? null),
    ),
    gauge(
      "sluice_last_pass_info",
      "How that ended.",
      lastPass === null ? [] : one(1, { result: lastPass.result, trigger: lastPass.trigger }),
    ),
    gauge("sluice_pending_hooks", "Hooks that wait for their interface.", one(status.pending.length)),
    gauge("sluice_drift_check_timestamp_seconds", "When the kernel was last compared with the policy.", at(drift?.checked ?? null)),
    gauge("sluice_drift_items", "Differences between the kernel and the policy, by kind.", driftItems(status)),
    gauge(
      "sluice_drift_contested_items",
      "Differences that come back whenever they are healed, and are left alone for a while.",
      drift === null ? [] : one(drift.contested.length),
    ),
  ];
}

/** What is written down, also by whoever works by hand, and before the agent was started. */
function recordMetrics({ records }: AgentStatus): readonly Metric[] {
  if (records === null) return [];
  const { good, hold, quarantine, unconfirmed } = records;
  return [
    gauge(
      "sluice_last_known_good_info",
      "What the host goes back to: the revision, and the digest of what it renders to here.",
      good === null ? [] : one(1, { revision: good.revision, digest: good.desired }),
    ),
    gauge("sluice_last_known_good_timestamp_seconds", "Since when it is that.", at(good?.since ?? null)),
    gauge("sluice_suspended", "Whether a rollback by hand holds the host until git has something else.", one(hold === null ? 0 : 1)),
    gauge("sluice_suspended_since_timestamp_seconds", "Since when it does.", at(hold?.since ?? null)),
    gauge("sluice_quarantined_revisions", "Revisions that failed here and are not tried again.", one(quarantine.length)),
    gauge("sluice_quarantine_timestamp_seconds", "When the newest of them failed.", at(quarantine[0]?.since ?? null)),
    gauge("sluice_confirm_pending", "Whether a change is taken back unless it is confirmed.", one(unconfirmed === null ? 0 : 1)),
    gauge("sluice_confirm_deadline_timestamp_seconds", "When it is taken back.", at(unconfirmed?.until ?? null)),
  ];
}

function tallyMetrics({ fetches, passes, rollbacks, heals, fetchTime, passTime, applyTime }: Tally): readonly Metric[] {
  return [
    counter("sluice_fetches_total", "How often the source was asked, by what came of it.", counted("result", fetches)),
    counter("sluice_passes_total", "Passes, by how they ended.", counted("result", passes)),
    counter("sluice_rollbacks_total", "Changes that were taken back, by why.", counted("reason", rollbacks)),
    counter("sluice_drift_heals_total", "Heals of drift, by what came of it.", counted("result", heals)),
    histogram("sluice_fetch_duration_seconds", "How long it took to ask the source, and to fetch what was new.", fetchTime),
    histogram("sluice_pass_duration_seconds", "How long passes took, from reading the policy to the end.", passTime),
    histogram("sluice_apply_duration_seconds", "How long applies took, from the first preparation until it was verified.", applyTime),
  ];
}

function receiverMetrics({ receivers = [] }: AgentStatus): readonly Metric[] {
  const each = (value: (receiver: ReceiverStatus) => number) =>
    receivers.map((receiver) => ({ labels: { receiver: receiver.name }, value: value(receiver) }));
  return [
    gauge(
      "sluice_notification_receiver_up",
      "Whether the last delivery to a receiver of alerts was taken.",
      each(({ error }) => (error === null ? 1 : 0)),
    ),
    gauge(
      "sluice_notification_queue_length",
      "Events that a receiver has not taken yet.",
      each(({ waiting }) => waiting),
    ),
    counter(
      "sluice_notifications_total",
      "Events for receivers of alerts by what became of them; retried counts deliveries.",
      receivers.flatMap(({ name, counts }) =>
        Object.entries<number>({ ...counts }).map(([result, value]) => ({ labels: { receiver: name, result }, value })),
      ),
    ),
  ];
}

function readingMetrics({ time, isFresh }: MetricParts["hooks"]): readonly Metric[] {
  return [
    gauge("sluice_kernel_reading_up", "Whether what is told of chains was read for this answer, or is older.", one(isFresh ? 1 : 0)),
    gauge("sluice_kernel_reading_timestamp_seconds", "When what is told of chains was read.", time === null ? [] : one(time / 1_000)),
  ];
}

/** A 0 without labels while there is none: an alert on it finds the metric in any case. */
function driftItems({ drift }: AgentStatus): readonly Sample[] {
  if (drift === null) return [];
  const counts = new Map<string, Sample & { value: number }>();
  for (const { hook, class: kind } of drift.findings) {
    const labels = { interface: hook.interface, hook: hook.kind, kind };
    const key = JSON.stringify(labels);
    counts.set(key, { labels, value: (counts.get(key)?.value ?? 0) + 1 });
  }
  return counts.size === 0 ? one(0) : [...counts.values()];
}

function chainMetrics(hooks: readonly InspectedHook[]): readonly Metric[] {
  const place = (hook: InspectedHook) => ({ interface: hook.interface, hook: hook.kind });
  const perHook = (value: (hook: InspectedHook) => number) => hooks.map((hook) => ({ labels: place(hook), value: value(hook) }));
  return [
    gauge(
      "sluice_chain_info",
      "The generation that runs at a hook.",
      hooks.map((hook) => ({ labels: { ...place(hook), generation: hook.generation ?? "" }, value: 1 })),
    ),
    gauge(
      "sluice_chain_attached",
      "Whether packets meet the chain.",
      perHook(({ broken, generation }) => (broken === null && generation !== null ? 1 : 0)),
    ),
    gauge(
      "sluice_chain_programs",
      "Steps of the chain.",
      perHook(({ steps }) => steps.length),
    ),
    gauge(
      "sluice_chain_instructions",
      "Instructions of the linked chain.",
      perHook(({ instructions }) => instructions ?? 0),
    ),
    gauge(
      "sluice_foreign_programs",
      "Programs of others at the hook.",
      perHook(({ foreign }) => foreign.length),
    ),
    counter(
      "sluice_step_packets_total",
      "Packets that a step gave a verdict.",
      hooks.flatMap((hook) =>
        hook.steps.flatMap(({ name, counts }) =>
          (counts ?? []).map(({ verdict, packets }) => ({ labels: { ...place(hook), step: name, verdict }, value: packets })),
        ),
      ),
    ),
  ];
}

function processMetrics({ started, filteredAfter }: AgentStatus, { residentBytes, processorSeconds }: ProcessUse): readonly Metric[] {
  return [
    gauge("process_start_time_seconds", "When the agent was started.", at(started)),
    gauge(
      "sluice_start_to_filtered_seconds",
      "How long after the start what was confirmed last was in place.",
      filteredAfter === null ? [] : one(filteredAfter / 1000),
    ),
    gauge("process_resident_memory_bytes", "Memory of the agent.", one(residentBytes)),
    counter("process_cpu_seconds_total", "Time of the agent on processors.", one(processorSeconds)),
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, help, type: "gauge", samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, help, type: "counter", samples };
}

function histogram(name: string, help: string, { counts, sum }: Durations): Metric {
  let count = 0;
  const buckets = counts.map((more, index): Sample => {
    count += more;
    return { part: "_bucket", labels: { le: String(durationBounds[index] ?? "+Inf") }, value: count };
  });
  const all: readonly Sample[] = [
    { part: "_sum", labels: {}, value: sum },
    { part: "_count", labels: {}, value: count },
  ];
  return { name, help, type: "histogram", samples: [...buckets, ...all] };
}

function counted<Name extends string>(label: string, counts: Counts<Name>): readonly Sample[] {
  return Object.entries<number>(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function one(value: number, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
  return [{ labels, value }];
}

/** ISO 8601 as seconds since the epoch; nothing for what has not been yet. */
function at(time: string | null): readonly Sample[] {
  return time === null ? [] : one(Date.parse(time) / 1000);
}
