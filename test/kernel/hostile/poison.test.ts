// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { type RunningAgent, startAgent } from "../acceptance/agent.ts";
import { bareRepository } from "../acceptance/bare-repository.ts";
import { dropsFrom, xdpPolicy } from "../acceptance/policy.ts";
import { json, station } from "../cli/station.ts";

/* Row 19: policies with which the process that reads them comes to harm. */

const follow = (path: string) => ["--repo", path, "--poll", "1h", "--drift", "off"];

kernelTest(
  "a commit that takes more than the parser may use is tried twice, then quarantined, also by the next agent; the chain stays until there is a good one",
  async (t, lab) => {
    const host = await station(t, lab);
    const policy = bareRepository(t);
    const drops = (network: string) => xdpPolicy(host.device, [dropsFrom("bogons", network)]);
    policy.push({ "interfaces/a.yaml": drops("10.0.0.0/8") }, "Good");
    const agent = startAgent(t, host, follow(policy.path));
    await agent.told("revision applied");
    const before = await running(lab, host.device);

    // Less time than the product leaves it: that the kernel ends it is the same.
    limit(await parserOf(agent));
    policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.1.0.0/16"), endless()]) }, "Poison");
    const first = await agent.told("pass failed");
    limit(await parserOf(agent));
    const second = await agent.told("pass failed");

    t.is(codeOf(first), "parser-crashed");
    t.is(codeOf(second), "parser-quarantined");
    t.regex(JSON.stringify(second), /it took too long, or the machine had no memory for it/);
    t.deepEqual(await running(lab, host.device), before);
    t.regex(JSON.stringify(json(await host.sluice("status", "--json"))), /Policy quarantined: reading it came to no end 2 times/);
    t.is(await agent.stop(), 0);

    const next = startAgent(t, host, follow(policy.path));
    t.is(codeOf(await next.told("pass failed")), "parser-quarantined");
    t.deepEqual(await running(lab, host.device), before);
    policy.push({ "interfaces/a.yaml": drops("10.2.0.0/16") }, "Good again");
    await next.told("revision applied");
    t.not((await running(lab, host.device)).keys, before.keys);
  },
);

kernelTest("a parser that is shot dies alone: the agent goes on, and the second try brings the commit", async (t, lab) => {
  const host = await station(t, lab);
  const policy = bareRepository(t);
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.0.0.0/8")]) }, "Good");
  const agent = startAgent(t, host, follow(policy.path));
  await agent.told("revision applied");
  const before = await running(lab, host.device);

  const parser = await parserOf(agent);
  process.kill(parser, "SIGSTOP");
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.1.0.0/16")]) }, "Another");
  await begun(host.state);
  process.kill(parser, "SIGABRT");
  process.kill(parser, "SIGCONT");

  t.is(codeOf(await agent.told("pass failed")), "parser-crashed");
  t.deepEqual(await running(lab, host.device), before);
  await agent.told("revision applied");
});

/** Until a policy is written down that is being read, and whoever reads it has been asked. */
async function begun(state: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (/"tries": 1,\s*"ended": null/.test(readFileSync(join(state, "parsing.json"), "utf8"))) return setTimeout(300);
    await setTimeout(50);
  }
  throw new Error("Nothing is being read");
}

/** Steps whose expressions take libpcap a quarter of a second each, on a machine that is fast. */
function endless(): string {
  const ports = (step: number) => Array.from({ length: 250 }, (_, port) => `${1000 + step + 3 * port}`).join(" or ");
  return Array.from({ length: 60 }, (_, step) => `    - { name: slow-${step}, match: "udp port (${ports(step)})", verdict: drop }\n`).join(
    "",
  );
}

/** Some processor time more than it has used. */
function limit(parser: number): void {
  // Where CAP_SYS_RESOURCE is missing, only whoever it runs as may.
  execFileSync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", "--pid", `${parser}`, "--cpu=2:2"]);
}

/** The process that stands by, once it has confined itself. */
async function parserOf({ child }: RunningAgent): Promise<number> {
  for (let tries = 0; tries < 400; tries++) {
    for (const id of childrenOf(child.pid as number))
      if (
        readFileSync(`/proc/${id}/cmdline`, "utf8").includes("/parser/main.js") &&
        /^Seccomp:\s2$/m.test(readFileSync(`/proc/${id}/status`, "utf8"))
      )
        return id;
    await setTimeout(50);
  }
  throw new Error("No parser stands by");
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

async function running({ kernel, root }: Lab, device: string) {
  const pins = await kernel.pins(root);
  const set = pins.find(({ path }) => path.includes("/steps/bogons/prefixes4"))?.path ?? "";
  const attached = (await kernel.attached(device, "xdp")).map(({ programId }) => programId);
  return { attached, keys: Buffer.from((await kernel.readMap(set)).keys).toString("hex") };
}

function codeOf({ error }: { readonly [field: string]: unknown }): string | undefined {
  return (error as { readonly code?: string } | undefined)?.code;
}
