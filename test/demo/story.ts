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

export interface StoryOptions {
  /** An empty folder for everything that is made. */
  readonly folder: string;
  readonly color: boolean;
  /** Somebody is reading along. */
  readonly paced: boolean;
}

/** Tells the whole story on stdout and gives the exit code: 0 when every promise was kept. */
export async function tellStory(world: World, { folder, color, paced }: StoryOptions): Promise<number> {
  const started = monotonic();
  process.stdout.write(`Sluice ${world.where}\n${world.note}\n`);
  const tell = createNarrator(process.stdout, { color, paced, shorten: { $DEMO: folder } });
  const results = createResults();
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
