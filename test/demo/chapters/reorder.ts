// SPDX-License-Identifier: Apache-2.0

import { sumOf, unwanted } from "../flows.ts";
import { reorderChain } from "../reorder-chain.ts";
import { number } from "../results.ts";
import { monotonic, type Running } from "../world.ts";
import { during, type Pushed, push, type Stage } from "./stage.ts";

const file = "interfaces/eth0.yaml";
const fewest = 10;
const longestMilliseconds = 8_000;

/** Commit after commit changes the order of the steps while packets flow. Gives what ran before the last of them. */
export async function reorder(stage: Stage): Promise<Running> {
  const { world, tell, results } = stage;
  await tell.heading("3. Reorder under load: no packet meets a half-made chain");
  tell.say("Commits that move, insert and remove steps, one after another, while all sources go on sending:");
  let switches = 0;
  const change = async (round: number) => {
    const { subject, pushed } = await commitOrder(stage, round);
    switches += switchesOf(pushed);
    if (round < 4) tell.output(`${subject.padEnd(32)}  ${String(pushed.line["milliseconds"])} ms`);
  };
  const tally = await during(stage, async () => {
    const end = monotonic() + longestMilliseconds;
    for (let round = 0; round < fewest || monotonic() < end; round++) await change(round);
  });
  tell.output("…");
  const { sent, arrived } = sumOf(tally, unwanted);
  tell.say(`${switches} switches, ${number(sent)} packets that must be dropped: ${number(arrived)} arrived.`);
  results.expect("Switches of the chain under load", number(switches), `at least ${fewest}`, switches >= fewest);
  results.expectGuarded("Reorder under load", tally);

  const before = await world.running();
  const { subject } = await commitOrder(stage, 0);
  const after = await world.running();
  tell.say(`One more, "${subject}": generation ${before.generation} → ${after.generation}, program ${before.program} → ${after.program}.`);
  return before;
}

async function commitOrder(stage: Stage, round: number): Promise<{ readonly subject: string; readonly pushed: Pushed }> {
  const { text, subject } = reorderChain(stage.policy.read(file), round);
  stage.policy.write(file, text);
  return { subject, pushed: await push(stage, stage.policy.commit(subject), "revision applied") };
}

function switchesOf({ line }: Pushed): number {
  const hooks = line["hooks"] as readonly { readonly hook: string; readonly action: string }[];
  return hooks.filter(({ hook, action }) => hook === "eth0/xdp" && action === "switch").length;
}
