// SPDX-License-Identifier: Apache-2.0
import { breakPolicy } from "./chapters/break.ts";
import { guard } from "./chapters/guard.ts";
import { reorder } from "./chapters/reorder.ts";
import { revert } from "./chapters/revert.ts";
import type { Stage } from "./chapters/stage.ts";
import { start } from "./chapters/start.ts";
import { tamper } from "./chapters/tamper.ts";
import { createNarrator } from "./narrator.ts";
import { createPolicyRepository } from "./policy-repository.ts";
import { createResults } from "./results.ts";
import { monotonic, type World } from "./world.ts";

/** Tells the whole story on stdout and gives the exit code: 0 when every promise was kept. */
export async function tellStory(world: World, folder: string): Promise<number> {
  const started = monotonic();
  const tell = createNarrator(process.stdout, { $DEMO: folder });
  const results = createResults();
  process.stdout.write(`Sluice, ${world.where}\n`);
  process.stdout.write(`$DEMO is ${folder}; every command also gets --host edge-1, --state $DEMO/state and --bpffs $DEMO/bpf\n`);
  const stage: Stage = { world, policy: createPolicyRepository(folder), tell, results };
  let failure: string | null = null;
  try {
    await start(stage);
    await guard(stage);
    const previous = await reorder(stage);
    await tamper(stage);
    await breakPolicy(stage);
    await revert(stage, previous);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  results.measured("The whole story", `${((monotonic() - started) / 1000).toFixed(1)} s`);
  await tell.heading("What was measured");
  tell.output(results.table());
  return conclude(tell.say, [...(failure === null ? [] : [failure]), ...results.broken()]);
}

function conclude(say: (text: string) => void, problems: readonly string[]): number {
  if (problems.length === 0) {
    say("\nEvery promise was kept.");
    return 0;
  }
  say("\nNot as promised:");
  for (const problem of problems) say(`- ${problem}`);
  return 1;
}
