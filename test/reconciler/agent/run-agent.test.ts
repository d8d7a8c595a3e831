// SPDX-License-Identifier: Apache-2.0
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { createMemoryKernel, type MemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { agentConfig } from "../../../reconciler/agent/agent-config.ts";
import type { AgentStatus } from "../../../reconciler/agent/agent-status.ts";
import { runAgent } from "../../../reconciler/agent/run-agent.ts";
import { askAgent } from "../../../reconciler/cli/agent-client.ts";
import { policyReader } from "../../../reconciler/host.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { readHistory } from "../../../reconciler/state/history.ts";
import type { AgentFile } from "../../../schemas/agent.generated.ts";
import { type TestRepository, testRepository } from "../1-source/repository.ts";
import { temporaryFolder } from "../temporary.ts";

test("from git commit to the kernel: applied, refused, reverted, pending, and left alone when the agent ends", async (t) => {
  const agent = startAgent(t);
  agent.repository.commit({ "interfaces/eth0.yaml": policy("drop") }, "Drop telnet");
  await agent.untilPass("applied", "Drop telnet");
  const dropping = await runningAt(agent.kernel);

  agent.repository.commit({ "interfaces/eth0.yaml": policy("dorp") }, "Break it");
  await agent.untilPass("invalid", "Break it");
  t.deepEqual(await runningAt(agent.kernel), dropping);
  agent.repository.git("revert", "--no-edit", "HEAD");
  await agent.untilPass("unchanged", 'Revert "Break it"');
  agent.repository.commit({ "interfaces/eth1.yaml": policy("drop", "eth1") }, "And eth1");
  await agent.untilPass("unchanged", "And eth1");
  t.deepEqual((await agent.status()).pending, ["eth1/xdp"]);
  await agent.stop();

  t.deepEqual(await runningAt(agent.kernel), dropping);
  t.is(dropping.length, 1);
  const history = await readHistory(agent.state, 10);
  t.deepEqual(
    history.map(({ subject, author, result, trigger }) => ({ subject, author, result, trigger })),
    [
      { subject: "Break it", author: "Alice", result: "invalid", trigger: "commit" },
      { subject: "Drop telnet", author: "Alice", result: "applied", trigger: "commit" },
    ],
  );
  t.true(agent.log.some((line) => line.includes('"revision refused"') && line.includes("interfaces/eth0.yaml:")));
  t.false(existsSync(join(agent.state, "agent.sock")));
});

test("a repository that goes away and comes back changes nothing meanwhile", async (t) => {
  const agent = startAgent(t, { poll: { interval: "1s", jitter: 0 } });
  agent.repository.commit({ "interfaces/eth0.yaml": policy("drop") }, "one");
  await agent.untilPass("applied", "one");
  const before = await runningAt(agent.kernel);

  agent.repository.git("branch", "--move", "main", "away");
  await agent.until(async () => (await agent.status()).source.state === "fails");
  const { error } = (await agent.status()).source;
  t.deepEqual(await runningAt(agent.kernel), before);
  agent.repository.git("branch", "--move", "away", "main");
  await agent.until(async () => (await agent.status()).source.state === "answers");

  t.is(error?.code, "source-ref-missing");
  t.deepEqual(await runningAt(agent.kernel), before);
  await agent.stop();
});

test("one agent per state directory; status and sync over its socket", async (t) => {
  const agent = startAgent(t);
  agent.repository.commit({ "interfaces/eth0.yaml": policy("drop") }, "one");
  await agent.untilPass("applied", "one");

  const second = await t.throwsAsync(runAgent(agent.config, { host: agent.host }), { instanceOf: ReconcilerError });
  const status = await agent.status();

  t.is(second.code, "state-locked");
  t.is(statSync(join(agent.state, "agent.sock")).mode & 0o777, 0o660);
  t.deepEqual([status.kind, status.format, status.pid], ["agent-status", "1.0", process.pid]);
  await agent.stop();
});

function policy(action: string, device = "eth0"): string {
  const rule = `{ protocol: tcp, dport: 23, action: ${action} }`;
  const chain = `  chain:\n    - name: no-telnet\n      uses: acl\n      with:\n        rules: [${rule}]\n`;
  return `apiVersion: sluice/v1\ninterface: ${device}\nxdp:\n${chain}`;
}

function startAgent(t: ExecutionContext, settings: Partial<AgentFile> = {}) {
  const repository: TestRepository = testRepository(t);
  const state = join(temporaryFolder(t), "state");
  const kernel = createMemoryKernel();
  kernel.addDevice("eth0");
  const host = { name: "edge", kernel, layout: { root: "/sys/fs/bpf/sluice" }, state, policy: policyReader, now: Date.now };
  const config = agentConfig({ apiVersion: "sluice/v1", repo: repository.path, state, drift: { mode: "off" }, ...settings });
  const log: string[] = [];
  const controller = new AbortController();
  const ended = runAgent(config, { host, signal: controller.signal, log: { write: (line) => void log.push(line) } });
  const stop = async () => {
    controller.abort();
    await ended;
  };
  t.teardown(stop);

  async function status(): Promise<AgentStatus> {
    const answer = await askAgent(state);
    if (answer.kind !== "alive") throw new Error(`The agent is ${answer.kind}`);
    return answer.status;
  }

  async function until(holds: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + 20_000;
    while (!(await holds().catch(() => false))) {
      if (Date.now() > end) throw new Error(`Waited in vain; the log says\n${log.join("")}`);
      await sleep(20);
    }
  }

  const untilPass = (result: string, subject: string) =>
    until(async () => {
      const { lastPass, revision } = await status();
      return lastPass?.result === result && revision?.subject === subject && lastPass.revision === revision.name;
    });
  return { repository, state, kernel, host, config, log, stop, status, until, untilPass };
}

/** Programs at eth0, by id. */
async function runningAt(kernel: MemoryKernel): Promise<readonly number[]> {
  return (await kernel.attached("eth0", "xdp")).map(({ programId }) => programId);
}
