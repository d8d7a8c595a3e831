// SPDX-License-Identifier: Apache-2.0
import { renameSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { json, station } from "../cli/station.ts";
import { startAgent } from "./agent.ts";
import { bareRepository } from "./bare-repository.ts";
import { dropsFrom, limitsTo, xdpPolicy } from "./policy.ts";
import { loads, mutations, readCalls, straceInto } from "./traced.ts";

const bogons = dropsFrom("bogons", "10.0.0.0/8");

kernelTest(
  "a push is applied, a revert loads nothing, a bad commit changes nothing and is told once, the next good one is applied",
  async (t, lab) => {
    const host = await station(t, lab);
    const file = join(temporaryFolder(t), "strace");
    const policy = bareRepository(t);
    const { push } = policy;
    const programs = async () => (await lab.kernel.attached(host.device, "xdp")).map(({ programId }) => programId);
    push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons]) }, "Drop bogons");
    const options = ["--repo", policy.path, "--poll", "1s", "--drift", "off", "--log-level", "debug"];
    const agent = startAgent(t, host, options, straceInto(file));
    t.like(await agent.told("revision applied"), { subject: "Drop bogons", author: "Alice" });
    const first = await programs();

    push({ "interfaces/a.yaml": xdpPolicy(host.device, [limitsTo("limit", 100), bogons]) }, "Limit");
    t.like(await agent.told("revision applied"), { subject: "Limit" });
    t.notDeepEqual(await programs(), first);
    const before = readCalls(file, host.host).length;
    policy.revert();
    t.like(await agent.told("revision applied"), { subject: 'Revert "Limit"' });
    t.deepEqual(await programs(), first);
    const reverted = readCalls(file, host.host).slice(before);
    t.deepEqual(mutations(reverted), [`BPF_LINK_UPDATE ${host.device}/xdp/link`]);
    t.deepEqual(loads(reverted), []);

    push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons.replace("action: drop", "action: dorp")]) }, "Break it");
    const refused = await agent.told("revision refused");
    await agent.told("nothing new");
    await agent.told("nothing new");
    t.like(refused, { level: "error", subject: "Break it", errors: 1 });
    t.like((refused["diagnostics"] as object[])[0], { at: "interfaces/a.yaml:7:52", hint: 'did you mean "drop"?' });
    t.is(agent.log.filter(({ msg }) => msg === "revision refused").length, 1);
    t.deepEqual(await programs(), first);

    push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons, limitsTo("limit", 100)]) }, "Mend it");
    t.like(await agent.told("revision applied"), { subject: "Mend it" });
    const history = json(await host.sluice("history", "--json"))["entries"] as { subject: string; result: string }[];
    t.deepEqual(
      history.map(({ subject, result }) => `${result}: ${subject}`),
      ["applied: Mend it", "invalid: Break it", 'applied: Revert "Limit"', "applied: Limit", "applied: Drop bogons"],
    );
  },
);

kernelTest(
  "a repository that goes away leaves the chain, is told once, and is followed again when it is back; SIGHUP looks at once",
  async (t, lab) => {
    const host = await station(t, lab);
    const policy = bareRepository(t);
    policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons]) }, "Drop bogons");
    const agent = startAgent(t, host, ["--repo", policy.path, "--poll", "1h", "--log-level", "debug"]);
    await agent.told("revision applied");
    const before = await lab.kernel.attached(host.device, "xdp");
    const away = `${policy.path}.away`;

    renameSync(policy.path, away);
    agent.child.kill("SIGHUP");
    const failed = await agent.told("source fails, the host keeps what it has");
    const status = json(await host.sluice("status", "--json"));
    renameSync(away, policy.path);
    policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons, limitsTo("limit", 100)]) }, "Limit");
    agent.child.kill("SIGHUP");
    await agent.told("source answers again");

    t.like(await agent.told("revision applied"), { subject: "Limit" });
    t.like(failed, { level: "warn", source: `${policy.path} branch main` });
    t.regex(JSON.stringify(failed["error"]), /there is no git repository at that address/);
    t.like(status, { agent: { status: { source: { state: "fails" } } } });
    t.is(agent.log.filter(({ level, msg }) => level === "warn" && msg.startsWith("source fails")).length, 1);
    t.is((await lab.kernel.attached(host.device, "xdp"))[0]?.linkId, before[0]?.linkId);
  },
);

kernelTest("a second agent on the same host ends with 9 and names the first; the first goes on", async (t, lab) => {
  const host = await station(t, lab);
  const policy = bareRepository(t);
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons]) }, "Drop bogons");
  const agent = startAgent(t, host, ["--repo", policy.path]);
  await agent.told("revision applied");

  const second = await runSluice(["agent", "--repo", policy.path, ...host.host]);

  t.is(second.exit, 9);
  t.is(
    second.err,
    `Error: Cannot lock "${host.state}": process ${agent.child.pid} (main.js agent) is at work\n  hint: One agent is enough; stop that one first\n`,
  );
  t.is(await agent.stop(), 0);
  t.is((await lab.kernel.attached(host.device, "xdp")).length, 1);
});
