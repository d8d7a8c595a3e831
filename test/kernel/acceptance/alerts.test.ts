// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { json, station } from "../cli/station.ts";
import { startAgent } from "./agent.ts";
import { dropsFrom, writeFiles, xdpPolicy } from "./policy.ts";

/** Debian's, on the loopback of the test's own network namespace; ends with the test. */
async function startAlertmanager(t: ExecutionContext): Promise<string> {
  const home = temporaryFolder(t);
  writeFileSync(join(home, "am.yml"), "route: { receiver: none, group_wait: 1s }\nreceivers: [{ name: none }]\n");
  const port = 19_093;
  const flags = [`--config.file=${home}/am.yml`, `--storage.path=${home}/data`, `--web.listen-address=127.0.0.1:${port}`];
  const child = spawn("prometheus-alertmanager", [...flags, "--cluster.listen-address="], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  t.teardown(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 200; tries++) {
    const ready = await fetch(`${url}/-/ready`).catch(() => null);
    await ready?.body?.cancel();
    if (ready?.ok === true) return url;
    await wait(50);
  }
  throw new Error("Alertmanager does not start");
}

interface Known {
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
}

/** What Alertmanager takes for firing. */
async function firing(url: string): Promise<readonly Known[]> {
  return (await (await fetch(`${url}/api/v2/alerts?active=true`)).json()) as readonly Known[];
}

async function until(t: ExecutionContext, condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await condition()) return;
    await wait(50);
  }
  t.fail(`It never came to this: ${what}`);
}

kernelTest(
  "drift fires once, at Alertmanager and at a webhook, through a restart of the agent, and is resolved when it is healed",
  async (t, lab) => {
    ip("link set lo up");
    const url = await startAlertmanager(t);
    const told: { id: number; status: string; alert: { name: string } }[] = [];
    const hook = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        told.push(JSON.parse(body) as (typeof told)[number]);
        response.end();
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
    t.teardown(() => hook.close());
    const host = await station(t, lab);
    const config = join(temporaryFolder(t), "agent.yaml");
    const refusing = createServer((request, response) => {
      request.resume();
      response.writeHead(401).end();
    });
    await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
    t.teardown(() => refusing.close());
    const webhook = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
    const refused = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}/`;
    writeFileSync(
      config,
      `apiVersion: sluice/v1
alerts:
  - { name: am, alertmanager: { url: "${url}" } }
  - { name: ops, webhook: { url: "${webhook}" } }
  - { name: wrong, webhook: { url: "${refused}" } }
`,
    );
    writeFiles(host.folder, { "interfaces/lab.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.0.0.0/8")]) });
    const args = ["--config", config, "--dir", host.folder, "--drift-interval", "1s"];
    const first = startAgent(t, host, args);
    await first.told("revision applied");

    await lab.kernel.detach(`${lab.root}/${host.device}/xdp/link`);
    await first.told("alert fires");
    await until(t, async () => (await firing(url)).length === 1, "Alertmanager knows");
    await until(t, async () => (await host.sluice("events")).out.includes("not taken by wrong: it answers 401"), "a refusal is shown");
    t.regex((await host.sluice("status")).out, /receiver wrong refuses alerts: it answers 401, 1 event lost\n/);
    t.is(await first.stop(), 0);
    const listed = await host.sluice("events");
    const before = await firing(url);
    const second = startAgent(t, host, args);
    await second.told("agent started");
    await until(t, () => told.length >= 1, "the webhook was told");
    t.like(await host.sluice("drift", "--heal"), { exit: 0 });
    await until(t, async () => (await firing(url)).length === 0, "Alertmanager has forgotten");
    await until(t, () => told.length >= 2, "the webhook was told that it is over");
    t.is(await second.stop(), 0);

    const labels = { alertname: "SluiceDrift", host: "edge-03", severity: "critical", hook: `${host.device}/xdp`, kind: "missing" };
    t.like(before[0]?.labels, labels);
    t.deepEqual(
      told.map(({ id, status, alert }) => [id, status, alert.name]),
      [
        [1, "firing", "SluiceDrift"],
        [2, "resolved", "SluiceDrift"],
      ],
    );
    t.regex(listed.out, /^critical SluiceDrift for \d+ s: missing at .*\n {2}.*Next: sluice drift\n\n/);
    const events = json(await host.sluice("events", "--json"));
    t.like(events, { kind: "events", host: "edge-03", firing: [] });
    t.is((events["events"] as readonly unknown[]).length, 2);
  },
);
