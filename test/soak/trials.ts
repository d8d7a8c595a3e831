// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readDirectory } from "../../reconciler/1-source/directory-source.ts";
import type { AgentStatus } from "../../reconciler/agent/agent-status.ts";
import { until, watchdogOf } from "../kernel/confirm/watchdogs.ts";
import type { Agent } from "./agent.ts";
import type { Reached } from "./checks.ts";
import type { Repository } from "./repository.ts";

export interface TrialScene {
  readonly agent: Agent;
  readonly repository: Repository;
  /** State directory. */
  readonly state: string;
  readonly reached: Reached;
  /** Files of a policy that the host does not run yet. */
  fresh(): Readonly<Record<string, string>>;
}

/** Who dies while a change waits to be confirmed, by what that is called in the report. */
export const trials = {
  "watchdog killed over a change": "watchdog",
  "agent killed over a change": "agent",
  "agent and watchdog killed over a change": "both",
} as const;

/** Long enough to kill somebody in it. */
const confirm = "confirm: { timeout: 60s, bake: 2s, every: 100ms }\n";

/**
 * A commit that has to be confirmed, and somebody who is killed meanwhile. Another watchdog takes the place of one that died, and the change is
 * confirmed. Without its agent it is taken back: by the watchdog, for good, or where that died too by the next agent, which then tries it again.
 * Throws where it is not so.
 */
export async function tryChange(
  { agent, repository, state, reached, fresh }: TrialScene,
  killed: (typeof trials)[keyof typeof trials],
): Promise<void> {
  const config = join(state, "..", "confirm.yaml");
  writeFileSync(config, `apiVersion: sluice/v1\n${confirm}`);
  await agent.stop();
  agent.start("--config", config);
  await agent.until("start", isAt(repository.head(), ["applied", "unchanged"]));
  const before = await readDirectory(repository.clone);
  repository.commit(fresh(), "To be confirmed");
  repository.push();
  const head = repository.head();
  await agent.until("wait for a confirmation", ({ unconfirmed }) => unconfirmed?.revision.includes(head) === true);
  const changed = await readDirectory(repository.clone);
  const watchdog = watchdogOf(state);
  if (watchdog === null) throw new Error("Nobody watches over a change that waits to be confirmed");
  const confirmed = () => agent.until("confirm the change", (status) => status.unconfirmed === null && isAt(head, ["applied"])(status));
  switch (killed) {
    case "watchdog":
      process.kill(watchdog, "SIGKILL");
      await until("another watchdog watches", () => ![null, watchdog].includes(watchdogOf(state)));
      await reached(changed, true);
      await confirmed();
      break;
    case "agent":
      await agent.kill();
      await until("no watchdog is left", () => watchdogOf(state) === null);
      await reached(before, true);
      agent.start("--config", config);
      await agent.until("leave alone what was taken back", isAt(head, ["quarantined"]));
      await reached(before, true);
      repository.reset(1);
      repository.push();
      break;
    case "both": {
      const dead = agent.kill();
      process.kill(watchdog, "SIGKILL");
      await dead;
      await reached(changed, true);
      // Without a repository nothing but what was confirmed last can come back.
      repository.hide();
      agent.start("--config", config);
      await agent.until("miss its repository", ({ source }) => source.state === "fails");
      await reached(before, true);
      repository.show();
      await confirmed();
    }
  }
  await agent.until("go on", isAt(repository.head(), ["applied", "unchanged"]));
  await agent.stop();
  agent.start();
}

/** The last pass was about this commit, and ended like this. */
export function isAt(commit: string, results: readonly string[]): (status: AgentStatus) => boolean {
  return ({ lastPass }) => lastPass?.revision.includes(commit) === true && results.includes(lastPass.result);
}
