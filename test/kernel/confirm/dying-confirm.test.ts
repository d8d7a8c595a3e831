// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { straceInto } from "../acceptance/traced.ts";
import { json } from "../cli/station.ts";
import { aboutToChange } from "./about-to-change.ts";
import { until, watchdogOf } from "./watchdogs.ts";

/** strace counts each thread's calls alone. */
const oneThread = { UV_THREADPOOL_SIZE: "1" };

const openStill = /is taken back in \d+ s unless it is confirmed; nobody watches over it/;
const keptAlready = /is confirmed and stays, but not all of it is written down/;

/** Every rename that a confirm makes, once the watchdog is disarmed; the first of them is what makes it confirmed. */
for (const [nth, next] of [
  [1, "confirm"],
  [1, "apply"],
  [2, "confirm"],
  [2, "apply"],
  [3, "confirm"],
  [3, "abort"],
  [4, "apply"],
  [5, "confirm"],
] as const) {
  kernelTest(
    `a confirm that is killed at its write ${nth} leaves a change that is confirmed or not, and ${next} says which`,
    async (t, lab) => {
      const { host, before } = await aboutToChange(t, lab);
      const applied = await host.sluice("apply", "--yes", "--confirm", "60s");
      const id = /sluice confirm (c-[0-9a-f]{6})/.exec(applied.out)?.[1] ?? "";
      const after = await lab.kernel.attached(host.device, "xdp");
      const file = join(temporaryFolder(t), "strace");
      const dying = { cwd: host.folder, below: straceInto(file, `rename:signal=SIGKILL:when=${nth}`), env: oneThread };

      const killed = await runSluice(["confirm", id, ...host.host], dying);
      await until("the watchdog is gone", () => watchdogOf(host.state) === null);
      const status = json(await host.sluice("status", "--json"));
      const { out: text } = await host.sluice("status");
      const run = await host.sluice(...(next === "apply" ? ["apply", "--yes"] : [next, id]));
      const again = await host.sluice("confirm", id);
      const end = json(await host.sluice("status", "--json"));

      t.is(killed.exit, null, readFileSync(file, "utf8"));
      t.is(killed.out, "");
      // Drift would be an invitation to put back what the change has taken away.
      t.is(status["drift"], 0);
      t.regex(text, nth === 1 ? openStill : keptAlready);
      const isConfirmed = nth > 1 || next === "confirm";
      t.is(run.exit, next === "abort" ? 3 : 0, run.err);
      t.is(again.exit, isConfirmed ? 0 : 8, again.err);
      t.like(end, { state: "running", unconfirmed: null, drift: 0 });
      t.false(existsSync(join(host.state, "journal")));
      if (isConfirmed) t.deepEqual(await lab.kernel.attached(host.device, "xdp"), after);
      t.notDeepEqual(await lab.kernel.attached(host.device, "xdp"), before);
    },
  );
}
