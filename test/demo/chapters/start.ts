// SPDX-License-Identifier: Apache-2.0

import { flows } from "../flows.ts";
import { arrivedOf } from "../results.ts";
import { push, type Stage, watchTraffic } from "./stage.ts";

/** An agent that follows a repository, and traffic that nothing of which is dropped yet. */
export async function start(stage: Stage): Promise<void> {
  const { world, policy, tell } = stage;
  await tell.heading("1. A repository, an agent, traffic");
  tell.say("policies/minimal goes into a bare repository: it drops telnet on eth0, and nothing else.");
  policy.copyFrom("minimal");
  const commit = policy.commit("Drop telnet");
  tell.command("git push");
  tell.command("sluice agent --repo $DEMO/policy.git --heal --drift-interval 1s");
  await world.startAgent(policy.bare);
  const { line } = await push(stage, commit, "revision applied");
  tell.log(line);

  const { flows: counts } = await watchTraffic(stage, 500);
  tell.say("The other side of eth0 sends UDP from several sources. Arrived at a program on the router, in half a second:");
  tell.output(
    flows
      .map(({ name, from, sourcePort, about }) => {
        return `${name.padEnd(10)}  ${`${from}:${sourcePort}`.padEnd(20)}  ${arrivedOf(counts[name]).padStart(14)}   ${about}`;
      })
      .join("\n"),
  );
}
