// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBpffs } from "../../bpf/kernel/bpffs.ts";
import { probeKernel } from "../../bpf/kernel/probe.ts";
import { createAgentLog } from "./agent-log.ts";
import { createNetwork } from "./network.ts";
import { startTraffic } from "./real-traffic.ts";
import type { Run, World } from "./world.ts";

const sluiceMain = fileURLToPath(new URL("../../command/cli/main.js", import.meta.url));

/**
 * The real kernel, a router and an Internet in network namespaces, `sluice` as processes. Everything on disk lies in `folder`. Needs
 * namespaces of its own (main.ts); what it makes vanishes with them.
 */
export async function createRealWorld(folder: string, color: boolean): Promise<World> {
  const bpffs = join(folder, "bpf");
  mkdirSync(bpffs);
  ensureBpffs(bpffs);
  // Before Linux 6.6 there is no tcx: without an eth1 its chains only wait.
  const network = createNetwork({ withInside: probeKernel().tcx.works });
  const traffic = await startTraffic(network.inRouter, network.inInternet);
  const log = createAgentLog();
  const places = ["--host", "edge-1", "--state", join(folder, "state"), "--bpffs", bpffs];
  const sluice = (...words: readonly string[]) => [...network.inRouter, process.execPath, sluiceMain, ...words, ...places];
  let agent: ChildProcess | null = null;

  const world: World = {
    where: `on the real kernel, Linux ${release()}`,
    note: `$DEMO is ${folder}; every command also gets --host edge-1 --state $DEMO/state --bpffs $DEMO/bpf, so that the host's own stay untouched`,
    agent: log,
    traffic,
    async startAgent(repository) {
      agent = start(sluice("agent", "--repo", repository, "--heal", "--drift-interval", "1s", "--log-format", "json"), folder);
      agent.stderr?.on("data", (part: Buffer) => log.write(part.toString()));
      agent.on("close", (exit) => log.end(`The agent has ended with exit code ${exit}`));
      await log.waitFor(0, ({ msg }) => msg === "agent started", "it has started");
    },
    async stopAgent() {
      agent?.kill("SIGTERM");
      await log.waitFor(0, ({ msg }) => msg === "agent stopped", "it has stopped");
    },
    sluice: (...words) => run(sluice(...words), folder, { ...process.env, ...(color ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" }) }),
    async deleteKey(step, map, key) {
      const steps = join(bpffs, "eth0/xdp/steps", step);
      const pin = join(steps, readdirSync(steps).find((name) => name.startsWith(`${map}__`)) ?? "");
      const bytes = [...key].map((byte) => byte.toString(16).padStart(2, "0"));
      return tamper(["bpftool", "map", "delete", "pinned", pin, "key", "hex", ...bytes], folder);
    },
    detachLink: () => tamper(["bpftool", "link", "detach", "pinned", join(bpffs, "eth0/xdp/link")], folder),
    async running() {
      const { exit, output } = await run(sluice("inspect", "eth0/xdp", "--json"), folder);
      if (exit !== 0) throw new Error(`Cannot inspect eth0/xdp: ${output}`);
      const [hook] = (JSON.parse(output) as { hooks: { generation: string; program: { id: number } }[] }).hooks;
      if (hook === undefined) throw new Error("Nothing runs at eth0/xdp");
      return { generation: hook.generation, program: hook.program.id };
    },
    async close() {
      traffic.stop();
      agent?.kill("SIGTERM");
    },
  };
  return world;
}

/** Somebody else's tool, which must do what it is told. */
async function tamper(command: readonly string[], folder: string): Promise<string> {
  const { exit, output } = await run(command, folder);
  if (exit !== 0) throw new Error(`"${command.join(" ")}" failed: ${output}`);
  return command.join(" ");
}

function start([command = "", ...words]: readonly string[], folder: string, env = process.env): ChildProcess {
  return spawn(command, words, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs a command to its end. */
function run(command: readonly string[], folder: string, env = process.env): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = start(command, folder, env);
    let output = "";
    child.stdout?.on("data", (part: Buffer) => (output += part.toString()));
    child.stderr?.on("data", (part: Buffer) => (output += part.toString()));
    child.on("error", reject);
    child.on("close", (exit) => resolve({ exit: exit ?? 1, output }));
  });
}
