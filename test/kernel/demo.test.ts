// SPDX-License-Identifier: Apache-2.0
import { promises, promisesOf, runDemo } from "../demo/run-demo.ts";
import { kernelTest } from "../lab/kernel-test.ts";

kernelTest("the demo keeps its promises on the real kernel", async (t) => {
  t.timeout(120_000);

  const run = await runDemo();

  t.is(run.exit, 0, run.lines.join("\n"));
  t.regex(run.lines[0] ?? "", /^Sluice on the real kernel, Linux \S+$/);
  t.deepEqual(
    promisesOf(run),
    promises.map((promise) => `${promise}: yes`),
  );
});
