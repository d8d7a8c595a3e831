// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isIsolated, isolate, whyNotBench } from "../bench/isolate.ts";
import { chooseSeed, seededRandom } from "../corpus/random.ts";
import { judge, printReport } from "./report.ts";
import { soak } from "./soak.ts";

const help = `npm run soak -- [--commits 2000 | --hours N] [--seed N]

A real agent follows a real repository for thousands of commits: changes, reverts, force-pushes and broken ones, some of them faster than it can
apply. In the first half it is killed, its watchdog is killed, its repository goes away, devices come and go, and somebody else detaches, removes and
writes. All the while packets are sent that have to pass, and packets that have to be dropped. After each disturbance, and every ten commits, a plan
of the soak's own must find nothing to do. In the end: no packet fared otherwise, and nothing has grown.

  --commits N   about one a second on a machine that others use too, more on a quiet one (default 2000)
  --hours N     as many as there is time for
  --seed N      the same decisions again; when things happen still differs

Exits 1 when the host was once not what git said, or a promise was broken. The agent's log is kept then.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { commits: { type: "string" }, hours: { type: "string" }, seed: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    console.log(help);
    return 0;
  }
  const reason = whyNotBench();
  if (reason !== null) {
    console.error(`The soak cannot run: ${reason}`);
    return 2;
  }
  if (!isIsolated()) return isolate();
  const [commits, seed] = [Number(values.commits ?? 2000), Number(values.seed ?? chooseSeed())];
  const milliseconds = Number(values.hours ?? 1) * 3_600_000;
  if (![commits, seed, milliseconds].every((number) => number > 0)) {
    console.error(help);
    return 2;
  }
  const begin = Date.now();
  const folder = mkdtempSync(join(tmpdir(), "sluice-soak-"));
  console.log(`${values.hours === undefined ? `${commits} commits` : `${values.hours} h`} of seed ${seed}`);
  try {
    const report = await soak({
      random: seededRandom(seed),
      progressOf: (made) => (values.hours === undefined ? made / commits : (Date.now() - begin) / milliseconds),
      folder,
      progress: (text) => console.log(`  ${text}`),
    });
    const findings = judge(report);
    console.log(printReport(report, findings));
    if (findings.every(({ holds }) => holds)) {
      rmSync(folder, { recursive: true });
      return 0;
    }
  } catch (error) {
    console.error(error);
  }
  console.error(`State, repository and the agent's log: ${folder}`);
  return 1;
}

process.exitCode = await main();
