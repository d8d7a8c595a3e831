// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { temporaryFolder } from "../reconciler/temporary.ts";
import { promises, promisesOf, runDemo } from "./run-demo.ts";

test("the demo keeps its promises on the kernel in memory, and says first why it runs there", async (t) => {
  const run = await runDemo("inside", temporaryFolder(t), "a test wants it so");

  t.is(run.exit, 0, run.lines.join("\n"));
  t.is(run.lines[0], "Sluice on the kernel in memory, because a test wants it so");
  t.deepEqual(
    promisesOf(run),
    promises.map((promise) => `${promise}: yes`),
  );
});
