// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packageRoot } from "../../../bpf/package-root.ts";
import { ip, openLab } from "../../lab/lab.ts";
import { startAgent } from "../agent-process.ts";
import { createBareRepository } from "../bare-repository.ts";
import { processorShares, residentMegabytes } from "../process-use.ts";
import { type Bench, promise, type Row, type Subject } from "../subject.ts";

/** What an agent costs a host on which nothing happens. */
export const rest: Subject = { name: "rest", title: "An agent at rest: policies/edge on two interfaces", run };

async function run(bench: Bench): Promise<readonly Row[]> {
  const seconds = bench.quick ? 5 : 20;
  const lab = openLab();
  try {
    ip("link add eth0 type veth peer name eth1");
    const repository = await createBareRepository(bench.folder, edgePolicy());
    // One look at the repository and one for drift in the time that is measured: three times as often as it does by itself.
    const intervals = ["--poll", `${seconds}s`, "--drift-interval", `${seconds}s`];
    const place = ["--state", join(bench.folder, "state"), "--bpffs", lab.root, "--host", "bench"];
    const agent = startAgent(["--repo", repository.path, ...place, ...intervals]);
    try {
      await agent.logged("revision applied");
      // What the start has left behind is collected.
      await sleep(3000);
      bench.say(`watching it for ${seconds} s`);
      const [share = Number.NaN] = await processorShares([agent.pid], seconds);
      return [
        promise("resident memory", residentMegabytes(agent.pid), "MB", 100),
        promise("of one processor", share, "%", 0.5, `over ${seconds} s, with one poll and one drift check`),
      ];
    } finally {
      await agent.stop();
      ip("link del eth0");
    }
  } finally {
    lab.close();
  }
}

function edgePolicy(): Readonly<Record<string, string>> {
  const folder = join(packageRoot(), "policies/edge");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(yaml|txt)$/.test(name));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}
