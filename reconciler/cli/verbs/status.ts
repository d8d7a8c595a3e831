// SPDX-License-Identifier: Apache-2.0

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { Host } from "../../host.ts";
import { readHistory } from "../../state/history.ts";
import { readHold } from "../../state/hold.ts";
import { snapshotNow } from "../../state/now.ts";
import { readQuarantine } from "../../state/quarantine.ts";
import { isConfirmed, readUnconfirmed, type UnconfirmedChange } from "../../state/unconfirmed.ts";
import { systemBootClock } from "../../watchdog/boot-clock.ts";
import { isWatched } from "../../watchdog/fence.ts";
import { askAgent } from "../agent-client.ts";
import { buildStatus, type StatusFacts } from "../build-status.ts";
import { exitCodes } from "../exit-codes.ts";
import { openHostToRead } from "../open-host.ts";
import { printStatus, type StatusUnconfirmed } from "../print-status.ts";
import { readState } from "../read-state.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, type HostOptions } from "../shared-options.ts";

/** How far back the last change of a hook is looked for. */
const historyLimit = 500;

export function addStatus(program: Command): void {
  const command = program.command("status").summary("what runs here, from which commit, and whether it still matches");
  command.description(
    "Says what the kernel runs, which revision that is, whether it still matches, what waits for an interface, whether " +
      "a rollback holds the host, how the last pass ended, and whether an agent is at work. Needs no agent.",
  );
  addJsonOption(command);
  addHostOptions(command);
  addExamples(command, [
    ["sluice status", "for people"],
    ["sluice status --json | jq -r .state", "running, pending, drifted, held, unconfirmed, unfinished or nothing-applied"],
  ]);
  runVerb<HostOptions>(command, status);
}

async function status({ terminal, json, progress }: Cli, options: HostOptions): Promise<number> {
  const host = await openHostToRead(options);
  progress.step("Reading the kernel");
  const [kernel, state] = await Promise.all([compare(host), readState(host.state, readFacts)]);
  progress.done();
  const result = buildStatus({ host: host.name, ...kernel, ...state });
  if (json) printJson(terminal, result);
  else terminal.out(printStatus(result, { ...terminal, now: host.now() }));
  return exitCodes.ok;
}

/** Observes once, and compares with the policy applied last where there is one. */
async function compare(host: Host): Promise<Pick<StatusFacts, "observed" | "comparison">> {
  const [{ observePins }, { planPass }, { describeDrift }] = await Promise.all([
    import("../../observe-host.ts"),
    import("../../reconcile.ts"),
    import("../../6-report/describe-drift.ts"),
  ]);
  const policy = await readState(host.state, snapshotNow);
  if (policy === null) return { observed: await observePins(host), comparison: null };
  const planned = await planPass(host, policy, { prune: true });
  if (planned.kind === "invalid") return { observed: await observePins(host), comparison: null };
  const { plan, desired, observed } = planned;
  return { observed, comparison: { plan, report: describeDrift(plan, desired, observed) } };
}

async function readFacts(directory: string): Promise<Omit<StatusFacts, "host" | "observed" | "comparison">> {
  const [history, hold, agent, change, quarantine] = await Promise.all([
    readHistory(directory, historyLimit),
    readHold(directory),
    askAgent(directory),
    readUnconfirmed(directory),
    readQuarantine(directory),
  ]);
  const unconfirmed = change === null ? null : await unconfirmedOf(directory, change);
  return { history, hold, agent, unconfirmed, quarantine, unfinished: existsSync(join(directory, "journal")) };
}

async function unconfirmedOf(directory: string, { confirm, plan }: UnconfirmedChange): Promise<StatusUnconfirmed> {
  const { id, until, boot, deadline } = confirm;
  const isThisBoot = systemBootClock.boot() === boot;
  const secondsLeft = isThisBoot ? Math.max(0, Math.ceil((deadline - systemBootClock.now()) / 1_000)) : 0;
  const change = { id, revision: plan.revision.name, until, secondsLeft, watched: isThisBoot && isWatched(directory) };
  return (await isConfirmed(directory, id)) ? { ...change, confirmed: true } : change;
}
