// SPDX-License-Identifier: Apache-2.0
import type { XdpMode } from "../../bpf/kernel/kernel.ts";
import { sanitise } from "../6-report/sanitise.ts";
import type { ReceiverStatus } from "../alerts/receiver-book.ts";
import type { Revision } from "../model/snapshot.ts";
import type { HistoryEntry } from "../state/history.ts";
import type { Hold } from "../state/hold.ts";
import type { QuarantineEntry } from "../state/quarantine.ts";
import type { AgentAnswer } from "./agent-client.ts";
import { printAge, printTime } from "./print-time.ts";
import { shortRevision } from "./short-revision.ts";
import { count, printTable } from "./table.ts";
import type { Colors } from "./terminal.ts";

/** A host as `sluice status` shows it: plain JSON. */
export interface Status {
  readonly format: "1.0";
  readonly kind: "status";
  readonly host: string;
  /** running: what was applied is what runs. */
  readonly state: "nothing-applied" | "running" | "pending" | "drifted" | "held" | "unconfirmed" | "unfinished";
  /** What was applied last; null when nothing was, or when the record is lost. */
  readonly revision: Revision | null;
  readonly agent: AgentAnswer;
  readonly hold: Hold | null;
  /** An apply did not end: the next one starts by undoing it. */
  readonly unfinished: boolean;
  /** Runs, and is taken back unless it is confirmed in time; null when nothing waits. */
  readonly unconfirmed: StatusUnconfirmed | null;
  /** Policies that failed here and are not tried again. */
  readonly quarantine: readonly QuarantineEntry[];
  readonly last: HistoryEntry | null;
  /** Differences to what was applied; null when nothing was. */
  readonly drift: number | null;
  readonly hooks: readonly StatusHook[];
}

export interface StatusUnconfirmed {
  /** What `sluice confirm` takes. */
  readonly id: string;
  readonly revision: string;
  /** ISO 8601, UTC. */
  readonly until: string;
  readonly secondsLeft: number;
  /** Somebody watches over it; if not, whoever comes next takes it back. */
  readonly watched: boolean;
  /** Whoever confirmed it did not come to write down all of it. */
  readonly confirmed?: true;
}

export interface StatusHook {
  readonly hook: string;
  readonly state: "running" | "pending" | "broken" | "detached";
  readonly mode: XdpMode | null;
  readonly generation: string | null;
  readonly steps: number;
  readonly drift: number;
  readonly foreign: number;
  /** Time of the pass that last changed it, ISO 8601; null when history does not say. */
  readonly changed: string | null;
}

/** Status for people: what matters first, then a table of hooks, then what to do. `now` in milliseconds. */
export function printStatus(
  status: Status,
  options: { readonly width: number | null; readonly colors: Colors; readonly now: number },
): string {
  const { colors } = options;
  const facts = [
    ["STATE", `${paintState(status.state, colors)}   ${stateText(status)}`],
    ["RUNNING", status.revision === null ? "-" : printRevision(status.revision)],
    ["LAST", status.last === null ? "nothing yet" : printLast(status.last, options.now)],
    ...status.quarantine.slice(0, 1).map((entry) => ["FAILED", printQuarantine(entry)] as const),
    ["AGENT", printAgent(status.agent, options.now)],
    ...printTrial(status).map((text) => ["PROBES", text] as const),
  ];
  const head = `${colors.bold(sanitise(status.host))}\n\n${facts.map(([name, text]) => `${colors.dim(name.padEnd(8))} ${text}\n`).join("")}`;
  const hooks = status.hooks.length === 0 ? "" : `\n${printHooks(status.hooks, options)}`;
  const next = nextStep(status);
  return `${head}${hooks}${next === null ? "" : `\n${colors.cyan("Next:")} ${next}\n`}`;
}

function printHooks(
  hooks: readonly StatusHook[],
  options: { readonly width: number | null; readonly colors: Colors; readonly now: number },
) {
  const { width, colors, now } = options;
  const rows = hooks.map((hook) => [
    sanitise(hook.hook),
    hook.state,
    hook.mode ?? "-",
    String(hook.steps),
    hook.generation?.slice(0, 8) ?? "-",
    String(hook.drift),
    String(hook.foreign),
    hook.changed === null ? "-" : `${printAge(now - Date.parse(hook.changed))} ago`,
  ]);
  const paint = { running: colors.green, pending: colors.yellow, detached: colors.yellow, broken: colors.red };
  return printTable(["CHAIN", "STATE", "MODE", "STEPS", "GEN", "DRIFT", "FOREIGN", "CHANGED"], rows, {
    width,
    right: [3, 5, 6],
    paint(cell, row, column) {
      const hook = hooks[row];
      return hook === undefined ? colors.dim(cell) : column === 1 ? paint[hook.state](cell) : cell;
    },
  });
}

function paintState(state: Status["state"], colors: Colors): string {
  if (state === "running") return colors.green(state);
  return state === "unfinished" || state === "drifted" ? colors.red(state) : colors.yellow(state);
}

function stateText(status: Status): string {
  const pending = status.hooks.filter((hook) => hook.state === "pending").map((hook) => sanitise(hook.hook));
  switch (status.state) {
    case "nothing-applied":
      return status.hooks.some(({ state }) => state !== "pending")
        ? "chains of Sluice run, but nothing is on record of what was applied"
        : "no policy has been applied on this host";
    case "running":
      return "the kernel runs what was applied";
    case "pending":
      return `waiting for the interfaces of ${pending.join(", ")}`;
    case "drifted":
      return `${count(status.drift ?? 0, "difference")} between the kernel and what was applied`;
    case "held":
      return printHold(status.hold);
    case "unconfirmed":
      return printUnconfirmed(status.unconfirmed);
    case "unfinished":
      return "an apply is under way, or did not end: then the next one undoes it first";
  }
}

function printUnconfirmed(change: StatusUnconfirmed | null): string {
  if (change === null) return "";
  if (change.confirmed === true) return `${shortRevision(change.revision)} is confirmed and stays, but not all of it is written down`;
  const watched = change.watched ? "" : "; nobody watches over it, so the next sluice that changes something takes it back";
  return `${shortRevision(change.revision)} is taken back in ${change.secondsLeft} s unless it is confirmed${watched}`;
}

/** Nothing where nobody probes: a change that a person has to confirm, or an agent without probes. */
function printTrial({ unconfirmed, agent }: Status): readonly string[] {
  const tried = agent.kind === "alive" ? agent.status.unconfirmed : null;
  if (tried === null || tried.id !== unconfirmed?.id || tried.probes.length === 0) return [];
  const failing = tried.probes.filter(({ holds }) => !holds).map(({ name, detail }) => sanitise(`${name} (${detail})`));
  const holding = `${tried.probes.length - failing.length} of ${tried.probes.length} hold`;
  return [failing.length === 0 ? holding : `${holding}; failing: ${failing.join(", ")}`];
}

function printQuarantine({ revision, since, reason }: QuarantineEntry): string {
  return `${shortRevision(revision)} at ${printTime(since)}: ${sanitise(reason)}; not tried again until git says something else`;
}

function printHold(hold: Hold | null): string {
  const reason = hold?.reason == null ? "" : ` (${sanitise(hold.reason)})`;
  return `rolled back ${printTime(hold?.since ?? "")}${reason}; stays until git says something else`;
}

function printRevision(revision: Revision): string {
  const subject = revision.subject === null ? "" : `  "${sanitise(revision.subject)}"`;
  const author = revision.author === null ? "" : `  ${sanitise(revision.author)}`;
  const signer = revision.signer === undefined ? "" : `  signed by ${sanitise(revision.signer)}`;
  const rewound =
    revision.rewound === undefined ? "" : `\n         does not go on from ${shortRevision(revision.rewound)}, which was there before`;
  return `${shortRevision(revision.name)}${subject}${author}${signer}${rewound}`;
}

function printLast(last: HistoryEntry, now: number): string {
  const why = last.message === null ? "" : `: ${sanitise(last.message)}`;
  return `${last.result} ${shortRevision(last.revision)} ${printAge(now - Date.parse(last.time))} ago${why}`;
}

function printAgent(agent: AgentAnswer, now: number): string {
  if (agent.kind === "absent") return "not running";
  if (agent.kind === "silent") return `does not answer: ${sanitise(agent.reason)}`;
  const { pid, started, source, receivers = [] } = agent.status;
  const state = source.error === null ? "" : `\n         ${sanitise(source.name)} fails: ${sanitise(source.error.message)}`;
  const hint = source.error?.hint == null ? "" : `\n         ${sanitise(source.error.hint)}`;
  const asked = source.lastAnswer === null ? "" : `, source answered ${printAge(now - Date.parse(source.lastAnswer))} ago`;
  return `running for ${printAge(now - Date.parse(started))} (process ${pid})${asked}${state}${hint}${receivers.map(printReceiver).join("")}`;
}

/** Nothing for one that takes what it is told. */
function printReceiver({ name, waiting, error, counts }: ReceiverStatus): string {
  if (error === null) return "";
  const rest = waiting === 0 ? "" : `, ${count(waiting, "event")} waiting`;
  const lost = counts.failed === 0 ? "" : `, ${count(counts.failed, "event")} lost`;
  return `\n         receiver ${sanitise(name)} ${error.final ? "refuses alerts" : "does not take alerts"}: ${sanitise(error.reason)}${rest}${lost}`;
}

function nextStep(status: Status): string | null {
  switch (status.state) {
    case "nothing-applied":
      return "sluice apply --dir FOLDER, or sluice agent --repo URL";
    case "drifted":
      return "sluice drift shows it, sluice drift --heal repairs it";
    case "held":
      return `git revert what was rolled back (${shortRevision(status.hold?.revision ?? "")}), or sluice apply to leave the hold`;
    case "unconfirmed":
      if (status.unconfirmed?.confirmed === true)
        return `sluice confirm ${status.unconfirmed.id} writes down the rest, and so does the next pass`;
      return `sluice confirm ${status.unconfirmed?.id ?? "ID"} keeps it, sluice abort ${status.unconfirmed?.id ?? "ID"} takes it back at once`;
    case "unfinished":
      return "if no sluice is at work, sluice apply or the agent: both begin by undoing it";
    case "running":
    case "pending":
      return null;
  }
}
