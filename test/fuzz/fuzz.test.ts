// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { chooseSeed } from "../corpus/random.ts";
import { runFuzz } from "./run-fuzz.ts";

test("2,000 damaged objects are read, relocated and linked, or refused in words of ours", async (t) => {
  t.timeout(180_000);
  const seed = chooseSeed();
  t.log(`SLUICE_SEED=${seed}`);

  const report = await runFuzz({ seed, count: 2000, native: process.getuid?.() === 0, processes: 2 });

  t.deepEqual(report.failures, []);
  t.is(report.refused + report.tried, 2000);
  t.true(report.refused > 200 && report.tried > 200, `${report.refused} refused, ${report.tried} tried`);
});
