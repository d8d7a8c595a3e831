// SPDX-License-Identifier: Apache-2.0

import { flows } from "../flows.ts";
import { arrivedOf } from "../results.ts";
import { type Stage, watchTraffic } from "./stage.ts";

/** An agent that follows a repository, and traffic of which nothing is dropped yet. */
export async function start(stage: Stage): Promise<void> {
  const { world, policy, tell } = stage;
  await tell.heading("1. A repository, an agent, traffic");
  tell.say("policies/minimal goes into a bare repository: it drops telnet on eth0, and nothing else.");
  policy.copyFrom("minimal");
  policy.commit("Drop telnet");
  policy.push();
  tell.command('git commit --all --message "Drop telnet" && git push');
  tell.command("sluice agent --repo $DEMO/policy.git --heal --drift-interval 1s");
  await world.startAgent(policy.bare);
  tell.log(await world.agent.waitFor(0, ({ msg }) => msg === "revision applied", "the first revision is applied"));

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
