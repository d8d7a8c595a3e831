// SPDX-License-Identifier: Apache-2.0

import { flowNames } from "../flows.ts";
import { arrivedOf, milliseconds } from "../results.ts";
import { operationsOf, push, type Stage, untilDropped, watchTraffic } from "./stage.ts";

/** From push to dropped packets: first a whole chain, then one line of a list. */
export async function guard(stage: Stage): Promise<void> {
  const { policy, tell, results } = stage;
  await tell.heading("2. A push: from a commit to dropped packets");
  tell.say("policies/edge replaces it: five steps on eth0, two chains on eth1. First the plan, as a reviewer would look at it:");
  policy.copyFrom("edge");
  await showPlan(stage);
  const commit = policy.commit("Guard the edge");
  tell.command('git commit --all --message "Guard the edge" && git push');
  const pushed = await push(stage, commit, "revision applied");
  tell.log(pushed.line);
  const dropped = await untilDropped(stage, "listed");
  results.expect(
    "Push of a new chain → first packet dropped",
    milliseconds(dropped - pushed.at),
    "< 5,000 ms",
    dropped - pushed.at < 5_000,
  );

  const tally = await watchTraffic(stage, 500);
  tell.say("Arrived, in half a second:");
  tell.output(flowNames.map((name) => `${name.padEnd(10)}  ${arrivedOf(tally.flows[name]).padStart(14)}`).join("\n"));
  results.expectGuarded("Edge policy at work", tally);

  tell.say("\nOne more line for lists/blocklist.txt, the newcomer's address:");
  policy.write("lists/blocklist.txt", `${policy.read("lists/blocklist.txt")}192.88.99.66\n`);
  await showPlan(stage);
  tell.command('git commit --all --message "Block 192.88.99.66" && git push');
  const line = await push(stage, policy.commit("Block 192.88.99.66"), "revision applied");
  for (const entry of line.lines.filter(({ msg }) => msg === "operation")) tell.log(entry);
  tell.log(line.line);
  const refused = await untilDropped(stage, "newcomer");
  results.expect(
    "Push of one address → its first packet dropped",
    milliseconds(refused - line.at),
    "< 5,000 ms",
    refused - line.at < 5_000,
  );
  const operations = operationsOf(line.lines);
  const isOneWrite = operations.length === 1 && operations.every((text) => text.startsWith("write 1 key"));
  results.expect("Kernel operations for that address", String(operations.length), "1 map write", isOneWrite);
}

async function showPlan({ world, tell }: Stage): Promise<void> {
  tell.command("sluice plan --dir policy");
  const { output } = await world.sluice("plan", "--dir", "policy");
  tell.output(output);
}
