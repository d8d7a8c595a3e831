// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { Lab } from "../../lab/lab.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { type RunningAgent, startAgent } from "../acceptance/agent.ts";
import { type BareRepository, bareRepository } from "../acceptance/bare-repository.ts";
import { dropsFrom, limitsTo, xdpPolicy } from "../acceptance/policy.ts";
import { json, type Station, station } from "../cli/station.ts";
import { type Neighbour, neighbour } from "./neighbour.ts";
import { endWatchdog } from "./watchdogs.ts";

/** A host with a neighbour it must not lose, and a repository that an agent follows. */
export interface Scene {
  readonly host: Station;
  readonly other: Neighbour;
  readonly policy: BareRepository;
  /** A policy under which the neighbour is reached; the number makes it another one. */
  good(limit: number, subject: string): void;
  /** One that cuts it off. */
  cutOff(subject: string): void;
  /** An agent whose changes have to be confirmed as these lines of its configuration say. */
  agent(confirm: string): RunningAgent;
  status(): Promise<Record<string, unknown>>;
}

export async function scene(t: ExecutionContext, lab: Lab): Promise<Scene> {
  const host = await station(t, lab);
  endWatchdog(t, host.state);
  const other = await neighbour(t, host);
  const policy = bareRepository(t);
  const push = (subject: string, ...steps: readonly string[]) =>
    policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, steps) }, subject);
  return {
    host,
    other,
    policy,
    good: (limit, subject) => push(subject, dropsFrom("bogons", "10.0.0.0/8"), limitsTo("limit", limit)),
    cutOff: (subject) => push(subject, dropsFrom("bogons", "10.0.0.0/8", other.address)),
    agent(confirm) {
      const file = join(temporaryFolder(t), "agent.yaml");
      const lines = ["apiVersion: sluice/v1", `repo: ${policy.path}`, "poll: { interval: 1s }", "drift: { mode: off }", confirm];
      writeFileSync(file, `${lines.join("\n")}\n`);
      return startAgent(t, host, ["--config", file, "--log-level", "debug"]);
    },
    status: async () => json(await host.sluice("status", "--json")),
  };
}

/** Everything that a change may not break here. */
export function probesOf({ other }: Scene): string {
  return `probes: [{ tcp: "${other.address}:${other.port}" }, { ping: ${other.address} }, { git: true }, { command: ["true"] }]`;
}
