// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { wrapKernel } from "../../bpf/kernel/decorators/wrap-kernel.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { createMemoryKernel } from "../../bpf/kernel/memory/memory-kernel.ts";
import { agentConfig } from "../../reconciler/agent/agent-config.ts";
import { runAgent } from "../../reconciler/agent/run-agent.ts";
import { type Host, policyReader } from "../../reconciler/host.ts";
import { createAgentLog } from "./agent-log.ts";
import { inspectInMemory, planInMemory } from "./memory-commands.ts";
import { createMemoryTraffic, type MemoryTraffic } from "./memory-traffic.ts";
import type { Run, World } from "./world.ts";

const root = "/sys/fs/bpf/sluice";

/**
 * A kernel in memory, the agent and the commands in this process; git, the repository and the state directory (in `folder`) are real.
 * `reason` is why bpf(2) cannot be used.
 */
export async function createMemoryWorld(folder: string, color: boolean, reason: string): Promise<World> {
  const memory = createMemoryKernel({ devices: ["eth0", "eth1"] });
  const traffic = createMemoryTraffic((packet) => memory.send("eth0", "xdp", packet).verdict);
  const host: Host = {
    name: "edge-1",
    kernel: underFire(memory, traffic),
    layout: { root },
    state: join(folder, "state"),
    policy: policyReader,
    now: Date.now,
  };
  const log = createAgentLog();
  const stopping = new AbortController();
  let agent = Promise.resolve();

  async function pinOf(step: string, map: string): Promise<string> {
    const start = `${root}/eth0/xdp/steps/${step}/${map}__`;
    const pin = (await memory.pins(root)).find(({ path }) => path.startsWith(start));
    if (pin === undefined) throw new Error(`Nothing is pinned at ${start}`);
    return pin.path;
  }

  return {
    where: `on the kernel in memory, because ${reason}`,
    note: `$DEMO is ${folder}; git is real, the agent and every command are calls in this process, bpftool stands for a change behind their back`,
    agent: log,
    traffic,
    async startAgent(repo) {
      const drift = { mode: "heal", interval: "1s" } as const;
      const config = agentConfig({ apiVersion: "sluice/v1", repo, host: host.name, state: host.state, bpffs: root, drift });
      agent = runAgent(config, { signal: stopping.signal, host, log }).catch((error: unknown) => log.end(String(error)));
      await log.waitFor(0, ({ msg }) => msg === "agent started", "it has started");
    },
    async stopAgent() {
      stopping.abort();
      await agent;
    },
    sluice(verb, ...words): Promise<Run> {
      if (verb === "plan" && words[0] === "--dir") return planInMemory(host, join(folder, words[1] ?? ""), color);
      if (verb === "inspect") return inspectInMemory(host, color);
      throw new Error(`The kernel in memory has no "sluice ${[verb, ...words].join(" ")}"`);
    },
    async deleteKey(step, map, key) {
      const pin = await pinOf(step, map);
      memory.tamperDelete(pin, key);
      return `bpftool map delete pinned ${pin} key hex ${Buffer.from(key)
        .toString("hex")
        .replace(/..(?!$)/g, "$& ")}`;
    },
    async detachLink() {
      memory.tamperDetach(`${root}/eth0/xdp/link`);
      return `bpftool link detach pinned ${root}/eth0/xdp/link`;
    },
    async running() {
      const pins = await memory.pins(`${root}/eth0/xdp`);
      const link = pins.find((pin) => pin.kind === "link");
      const program = pins.find((pin) => pin.kind === "program" && pin.id === link?.programId);
      if (program === undefined) throw new Error("Nothing runs at eth0/xdp");
      return { generation: program.path.split("/").at(-2) ?? "", program: program.id };
    },
    async close() {
      traffic.stop();
      stopping.abort();
      await agent;
    },
  };
}

/** Packets arrive before and after every single call: what a chain looks like between two of them, they see. */
function underFire(kernel: Kernel, traffic: MemoryTraffic): Kernel {
  return wrapKernel(kernel, async (_method, _args, proceed) => {
    traffic.tick();
    try {
      return await proceed();
    } finally {
      traffic.tick();
    }
  });
}
