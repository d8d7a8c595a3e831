// SPDX-License-Identifier: Apache-2.0
import { milliseconds } from "../results.ts";
import { monotonic, type Running } from "../world.ts";
import { operationsOf, push, type Stage, watchTraffic } from "./stage.ts";

/** `git revert` brings back the generation before, which is still loaded; and stopping the agent changes nothing. */
export async function revert(stage: Stage, previous: Running): Promise<void> {
  const { world, policy, tell, results } = stage;
  await tell.heading("6. git revert: back to the generation before, which is still in the kernel");
  const now = await world.running();
  tell.say(`Generation ${now.generation} runs as program ${now.program}. Reverted are the broken commit and the reorder before it:`);
  tell.command("git revert HEAD HEAD~1 && git push");
  policy.git("revert", "--no-edit", "HEAD", "HEAD~1");
  const { line, lines, at } = await push(stage, policy.git("rev-parse", "HEAD").trim(), "revision applied");
  const took = monotonic() - at;
  for (const entry of lines.filter(({ msg }) => msg === "operation")) tell.log(entry);
  tell.log(line);
  tell.command("sluice inspect eth0/xdp | head -2");
  const { output } = await world.sluice("inspect", "eth0/xdp");
  tell.output(output.split("\n").slice(0, 2).join("\n"));

  const back = await world.running();
  const isSame = back.program === previous.program && back.generation === previous.generation;
  tell.say(`Program ${back.program} is the one that ran before the reorder: the kernel never gives an id twice, so nothing was loaded.`);
  const operations = operationsOf(lines);
  const isOneSwitch = operations.length === 1 && operations.every((text) => text.startsWith("switch eth0/xdp"));
  results.measured("Push of a revert → applied and verified", milliseconds(took));
  results.expect("Program after the revert", String(back.program), `${previous.program} as before`, isSame);
  results.expect("Kernel operations for the revert", String(operations.length), "1 switch, 0 loads", isOneSwitch);

  await world.stopAgent();
  tell.say("\nThe agent is stopped. What it has attached stays:");
  results.expectGuarded("Without the agent", await watchTraffic(stage, 500));
}
