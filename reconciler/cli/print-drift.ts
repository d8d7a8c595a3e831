// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding } from "../6-report/describe-drift.ts";
import { printCulprit } from "../6-report/print-culprit.ts";
import { sanitise } from "../6-report/sanitise.ts";
import type { DriftStatus, KnownDrift } from "../agent/agent-status.ts";
import type { DriftResult } from "../drift.ts";
import { hookName } from "../model/hook.ts";
import type { AgentAnswer } from "./agent-client.ts";
import { printAge } from "./print-time.ts";
import { shortRevision } from "./short-revision.ts";
import { count, printTable } from "./table.ts";
import type { Colors } from "./terminal.ts";

type Found = Exclude<DriftResult, { kind: "invalid" }>;

export interface DriftFacts {
  readonly host: string;
  readonly found: Found;
  /** Since when, how often and by whom is something that only an agent can know. */
  readonly agent: AgentAnswer;
}

interface PrintOptions {
  readonly width: number | null;
  readonly colors: Colors;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Drift for people: a sentence, a table of what differs, what an agent knows about it, what is left alone. */
export function printDrift({ host, found, agent }: DriftFacts, options: PrintOptions): string {
  const { colors } = options;
  if (found.kind === "none-applied") return `Nothing has been applied on ${sanitise(host)} yet, so nothing can differ from it\n`;
  const { findings, unmanaged } = found.report;
  const counted = findings.filter((finding) => finding.mode !== "ignore");
  const revision = shortRevision(found.plan.revision.name);
  const head =
    counted.length === 0
      ? `${colors.green("No drift.")} ${sanitise(host)} runs what was applied: ${revision}\n`
      : `${colors.red("Drift:")} ${counted.length === 1 ? "1 difference" : `${counted.length} differences`} on ${sanitise(host)} to ${revision}\n`;
  const table = findings.length === 0 ? "" : `\n${printFindings(findings, options)}`;
  const known = counted.length === 0 ? "" : `\n${printKnown(counted, agent, options.now)}`;
  const others = unmanaged.map((program) => `  ${sanitise(program)}\n`).join("");
  const beside = others === "" ? "" : `\nNot of Sluice, left alone:\n${others}`;
  const next = counted.length === 0 ? "" : `\n${colors.cyan("Next:")} sluice drift --heal brings it back\n`;
  return head + table + known + beside + next;
}

/** Drift for machines. What nobody knows is null. */
export function driftToJson({ host, found, agent }: DriftFacts): object {
  const base = { format: "1.0", kind: "drift", host, agent: agent.kind, hears: driftOf(agent)?.hears ?? null };
  if (found.kind === "none-applied") return { ...base, revision: null, findings: [], unmanaged: [] };
  const findings = found.report.findings.map((finding) => {
    const { since = null, count: times = null, culprit = null } = knownOf(agent, finding) ?? {};
    return { ...finding, since, count: times, culprit };
  });
  return { ...base, revision: found.plan.revision, findings, unmanaged: found.report.unmanaged };
}

function driftOf(agent: AgentAnswer): DriftStatus | null {
  return agent.kind === "alive" ? agent.status.drift : null;
}

function knownOf(agent: AgentAnswer, { hook, place }: DriftFinding): KnownDrift | null {
  return driftOf(agent)?.findings.find((known) => hookName(known.hook) === hookName(hook) && known.place === place) ?? null;
}

/** A line for each finding, or why there is none. */
function printKnown(findings: readonly DriftFinding[], agent: AgentAnswer, now: number): string {
  const what = "Since when, how often and by whom only an agent knows";
  if (agent.kind === "absent") return `${what}: none runs here\n`;
  if (agent.kind === "silent") return `${what}: the one here does not answer (${sanitise(agent.reason)})\n`;
  const hears = driftOf(agent)?.hears ?? false;
  const lines = findings.map((finding) => {
    const known = knownOf(agent, finding);
    return `  ${sanitise(hookName(finding.hook))}, ${sanitise(finding.place)}: ${printWhatIsKnown(known, hears, now)}\n`;
  });
  return `What the agent knows:\n${lines.join("")}`;
}

function printWhatIsKnown(known: KnownDrift | null, hears: boolean, now: number): string {
  if (known === null) return "not seen by it twice yet";
  const nobody = hears ? "nobody was heard doing it" : "it cannot hear who changes something here";
  const who = known.culprit === null ? nobody : `by ${printCulprit(known.culprit)}`;
  return `for ${printAge(now - Date.parse(known.since))}, ${count(known.count, "time")} since it started, ${who}`;
}

function printFindings(findings: readonly DriftFinding[], options: { readonly width: number | null; readonly colors: Colors }): string {
  const { width, colors } = options;
  const rows = findings.map((finding) => [
    finding.class,
    sanitise(hookName(finding.hook)),
    sanitise(finding.place),
    sanitise(finding.expected),
    sanitise(finding.found),
    finding.mode,
  ]);
  return printTable(["WHAT", "CHAIN", "PLACE", "EXPECTED", "FOUND", "MODE"], rows, {
    width,
    paint: (cell, row, column) => (row < 0 ? colors.dim(cell) : column === 0 ? colors.yellow(cell) : cell),
  });
}
