// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import type { LogLine } from "../agent-log.ts";
import { between, type FlowName, type Tally } from "../flows.ts";
import type { Narrator } from "../narrator.ts";
import type { PolicyRepository } from "../policy-repository.ts";
import type { Results } from "../results.ts";
import { monotonic, type World } from "../world.ts";

/** What every chapter works with. */
export interface Stage {
  readonly world: World;
  readonly policy: PolicyRepository;
  readonly tell: Narrator;
  readonly results: Results;
}

/** What was sent and arrived while something happened. */
export async function during(stage: Stage, work: () => Promise<unknown>): Promise<Tally> {
  const before = await stage.world.traffic.count();
  await work();
  return between(before, await stage.world.traffic.count());
}

/** So many milliseconds of traffic. */
export async function watchTraffic(stage: Stage, milliseconds: number): Promise<Tally> {
  return during(stage, () => sleep(milliseconds));
}

/** Waits until nothing of a flow arrives any more; gives when the first packet that did not arrive was sent, in monotonic milliseconds. */
export async function untilDropped({ world }: Stage, flow: FlowName): Promise<number> {
  const enough = 20;
  const end = monotonic() + 30_000;
  while (monotonic() < end) {
    const { sentSince, nextSentAt } = await world.traffic.lastArrived(flow);
    if (sentSince >= enough && nextSentAt !== null) return nextSentAt;
    await sleep(10);
  }
  throw new Error(`Packets of "${flow}" still arrive after 30 s`);
}

/** What pushing a commit led to. */
export interface Pushed {
  /** Monotonic milliseconds just before `git push`. */
  readonly at: number;
  /** The line that says how it ended. */
  readonly line: LogLine;
  /** Everything that the agent said of it. */
  readonly lines: readonly LogLine[];
}

/** Pushes what is committed and waits until the agent has said `result` of it. */
export async function push({ world, policy }: Stage, commit: string, result: string): Promise<Pushed> {
  const from = world.agent.lines.length;
  const at = monotonic();
  policy.push();
  const ends = (line: LogLine) => isAbout(line, commit) && endings.has(line.msg);
  const line = await world.agent.waitFor(from, ends, `"${result}" of ${commit.slice(0, 8)}`);
  const lines = world.agent.lines.slice(from);
  if (line.msg !== result)
    throw new Error(`The agent says "${line.msg}" of ${commit.slice(0, 8)}, expected "${result}": ${JSON.stringify(line)}`);
  return { at, line, lines };
}

/** The texts of the kernel operations in some lines. */
export function operationsOf(lines: readonly LogLine[]): readonly string[] {
  return lines.filter(({ msg }) => msg === "operation").map(({ operation }) => String(operation));
}

const endings = new Set([
  "revision applied",
  "nothing to change",
  "revision refused",
  "revision rolled back",
  "rollback failed",
  "pass failed",
]);

function isAbout(line: LogLine, commit: string): boolean {
  return typeof line["revision"] === "string" && line["revision"].endsWith(commit);
}
