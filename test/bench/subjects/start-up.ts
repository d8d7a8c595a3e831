// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../bpf/package-root.ts";
import { openLab } from "../../lab/lab.ts";
import { main } from "../../reconciler/cli/run-sluice.ts";
import { interleave, median } from "../statistics.ts";
import { type Bench, fact, type Row, type Subject } from "../subject.ts";

/** What people wait for each time they type. */
export const startUp: Subject = { name: "start-up", title: "Start of a command, to its end", run };

async function run(bench: Bench): Promise<readonly Row[]> {
  const lab = openLab();
  try {
    const folder = join(bench.folder, "policy");
    cpSync(join(packageRoot(), "policies/edge"), folder, { recursive: true });
    const plan = ["plan", "--dir", folder, "--state", join(bench.folder, "state"), "--bpffs", lab.root, "--host", "bench"];
    const times = await interleave(bench.quick ? 3 : 10, {
      node: async () => timeOf(["-e", "0"]),
      help: async () => timeOf([main, "--help"]),
      plan: async () => timeOf([main, ...plan]),
    });
    return [
      fact("node -e 0 (the floor)", median(times.node), "ms"),
      fact("sluice --help", median(times.help), "ms"),
      fact("sluice plan, of policies/edge", median(times.plan), "ms", "two interfaces, eight steps"),
    ];
  } finally {
    lab.close();
  }
}

function timeOf(words: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", env: { PATH: process.env["PATH"] ?? "" } });
  if (status !== 0) throw new Error(`node ${words.join(" ")} ended with ${status}:\n${stderr}`);
  return performance.now() - start;
}
