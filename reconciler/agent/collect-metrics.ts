// SPDX-License-Identifier: Apache-2.0
import type { Metric, Sample } from "../6-report/print-metrics.ts";
import type { InspectedHook } from "../inspect-hook.ts";
import type { AgentStatus } from "./agent-status.ts";

/** What the process itself uses. */
export interface ProcessUse {
  readonly residentBytes: number;
  readonly processorSeconds: number;
}

/** What the agent and its chains have to tell Prometheus. */
export function collectMetrics(status: AgentStatus, hooks: readonly InspectedHook[], use: ProcessUse): readonly Metric[] {
  return [...agentMetrics(status), ...(hooks.length > 0 ? chainMetrics(hooks) : []), ...processMetrics(status, use)];
}

function agentMetrics(status: AgentStatus): readonly Metric[] {
  const { source, lastPass, unconfirmed, quarantined, drift } = status;
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
      "sluice_last_pass_timestamp_seconds",
      "When the host was last brought to what the policy says, or that was tried.",
      at(lastPass?.time ?? null),
    ),
    gauge(
      "sluice_last_pass_info",
      "How that ended.",
      lastPass === null ? [] : one(1, { result: lastPass.result, trigger: lastPass.trigger }),
    ),
    gauge("sluice_suspended", "Whether a rollback by hand holds the host until git has something else.", one(status.held ? 1 : 0)),
    gauge("sluice_quarantined_revisions", "Revisions that failed here and are not tried again.", one(quarantined === null ? 0 : 1)),
    gauge("sluice_confirm_pending", "Whether a change is taken back unless it is confirmed.", one(unconfirmed === null ? 0 : 1)),
    gauge("sluice_confirm_deadline_timestamp_seconds", "When it is taken back.", at(unconfirmed?.until ?? null)),
    gauge("sluice_pending_hooks", "Hooks that wait for their interface.", one(status.pending.length)),
    gauge("sluice_drift_check_timestamp_seconds", "When the kernel was last compared with the policy.", at(drift?.checked ?? null)),
    gauge("sluice_drift_items", "Differences between the kernel and the policy, by kind.", driftItems(status)),
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
    {
      name: "sluice_step_packets_total",
      help: "Packets that a step gave a verdict.",
      type: "counter",
      samples: hooks.flatMap((hook) =>
        hook.steps.flatMap(({ name, counts }) =>
          (counts ?? []).map(({ verdict, packets }) => ({ labels: { ...place(hook), step: name, verdict }, value: packets })),
        ),
      ),
    },
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
    { name: "process_cpu_seconds_total", help: "Time of the agent on processors.", type: "counter", samples: one(processorSeconds) },
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, help, type: "gauge", samples };
}

function one(value: number, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
  return [{ labels, value }];
}

/** ISO 8601 as seconds since the epoch; nothing for what has not been yet. */
function at(time: string | null): readonly Sample[] {
  return time === null ? [] : one(Date.parse(time) / 1000);
}
