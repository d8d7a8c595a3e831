// SPDX-License-Identifier: Apache-2.0
import { readFileSync, renameSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { json } from "../cli/station.ts";
import { probesOf, scene } from "./confirming-agent.ts";
import { burst, reaches } from "./neighbour.ts";
import { until, watchdogOf } from "./watchdogs.ts";

kernelTest(
  "rules 6, 7, 12: a revision whose probes hold is confirmed; one that cuts the host off is taken back and quarantined until git moves on",
  async (t, lab) => {
    const it = await scene(t, lab);
    it.good(1000, "Good");
    const agent = it.agent(`confirm: { timeout: 8s, bake: 1s, every: 200ms, patience: 500ms, ${probesOf(it)} }`);
    t.like(await agent.told("revision applied, to be confirmed"), { subject: "Good" });
    t.like(await agent.told("revision confirmed"), { by: "4 probes held for 1 s" });
    const running = await lab.kernel.attached(it.host.device, "xdp");

    it.cutOff("Cut off");
    await agent.told("revision applied, to be confirmed");
    const cut = !reaches(it.other);
    const meanwhile = await it.status();
    const failed = await agent.told("revision rolled back");
    agent.child.kill("SIGHUP");
    const again = await agent.told("revision quarantined");
    const status = await it.status();

    t.true(cut);
    t.like(meanwhile, {
      state: "unconfirmed",
      drift: 0,
      agent: { status: { unconfirmed: { until: (meanwhile["unconfirmed"] as { until: string }).until } } },
    });
    t.regex(String(failed["reason"]), /^Failing: tcp .*ping /);
    t.like(again, { subject: "Cut off", level: "warn" });
    t.deepEqual(await lab.kernel.attached(it.host.device, "xdp"), running);
    t.true(reaches(it.other));
    t.like(status, { state: "running", drift: 0, agent: { status: { quarantined: { reason: failed["reason"] } } } });
    t.is((status["quarantine"] as object[]).length, 1);

    it.good(500, "Mend it");
    t.like(await agent.told("revision confirmed"), { by: "4 probes held for 1 s" });
    t.deepEqual((await it.status())["quarantine"], []);
    const history = json(await it.host.sluice("history", "--json"))["entries"] as { subject: string; result: string }[];
    t.deepEqual(
      history.map(({ subject, result }) => `${result}: ${subject}`),
      ["applied: Mend it", "rolled-back: Cut off", "applied: Good"],
    );
  },
);

kernelTest(
  "rules 4, 12: an agent that is killed in the window has its change taken back; started again without git, it runs what was confirmed",
  async (t, lab) => {
    const it = await scene(t, lab);
    it.good(1000, "Good");
    const settings = "confirm: { timeout: 60s, bake: 200ms, every: 100ms }";
    const first = it.agent(settings);
    await first.told("revision confirmed");
    await first.stop();
    const running = await lab.kernel.attached(it.host.device, "xdp");
    it.cutOff("Cut off");
    const second = it.agent("confirm: { timeout: 60s, bake: 50s }");
    await second.told("revision applied, to be confirmed");
    const cut = !reaches(it.other);

    second.child.kill("SIGKILL");
    await until("the neighbour is reached again", () => reaches(it.other));
    await until("the watchdog has ended", () => watchdogOf(it.host.state) === null);
    renameSync(it.policy.path, `${it.policy.path}.away`);
    const third = it.agent(settings);
    await third.told("source fails, the host keeps what it has");
    const offline = await lab.kernel.attached(it.host.device, "xdp");
    renameSync(`${it.policy.path}.away`, it.policy.path);
    third.child.kill("SIGHUP");
    const again = await third.told("revision quarantined");

    t.true(cut);
    t.deepEqual(offline, running);
    t.like(again, { subject: "Cut off", reason: "The agent ended before the change was confirmed" });
    t.deepEqual(await lab.kernel.attached(it.host.device, "xdp"), running);
  },
);

kernelTest(
  "rule 4: an agent that is stopped in the window has its change taken back, and finds that out when it is continued",
  async (t, lab) => {
    const it = await scene(t, lab);
    it.good(1000, "Good");
    const first = it.agent("confirm: { timeout: 60s, bake: 200ms, every: 100ms }");
    await first.told("revision confirmed");
    await first.stop();
    const running = await lab.kernel.attached(it.host.device, "xdp");
    it.cutOff("Cut off");
    const agent = it.agent("confirm: { timeout: 60s, bake: 4s, every: 100ms, heartbeat: 1s }");
    await agent.told("revision applied, to be confirmed");
    const watchdog = watchdogOf(it.host.state);

    agent.child.kill("SIGSTOP");
    await until("the neighbour is reached again", () => reaches(it.other));
    await until("the watchdog has ended", () => watchdogOf(it.host.state) === null);
    const back = await lab.kernel.attached(it.host.device, "xdp");
    agent.child.kill("SIGCONT");
    const noticed = await agent.told("revision rolled back");
    agent.child.kill("SIGHUP");
    await agent.told("revision quarantined");

    t.not(watchdog, null);
    t.not(watchdog, agent.child.pid);
    t.deepEqual(back, running);
    t.is(noticed["reason"], "The agent gave no sign of life for 1 s before the change was confirmed");
    t.deepEqual(await lab.kernel.attached(it.host.device, "xdp"), running);
    t.is(agent.log.filter(({ msg }) => msg === "revision confirmed").length, 0);
  },
);

kernelTest("rule 4: a watchdog that dies or is stopped is noticed, and another one takes its place", async (t, lab) => {
  const it = await scene(t, lab);
  it.good(1000, "Good");
  const agent = it.agent("confirm: { timeout: 60s, bake: 50s, heartbeat: 1s }");
  await agent.told("revision applied, to be confirmed");
  const first = watchdogOf(it.host.state) as number;

  process.kill(first, "SIGKILL");
  await agent.told("watchdog died, starting another one");
  await agent.told("another watchdog watches");
  const second = watchdogOf(it.host.state) as number;
  process.kill(second, "SIGSTOP");
  await agent.told("watchdog died, starting another one");
  await agent.told("another watchdog watches");
  const session = readFileSync(`/proc/${watchdogOf(it.host.state)}/stat`, "utf8").split(" ")[5];
  const third = watchdogOf(it.host.state);
  t.is((await lab.kernel.attached(it.host.device, "xdp")).length, 1);
  t.is(new Set([first, second, third]).size, 3);
  agent.child.kill("SIGKILL");
  await until("no chain is left: there was none before", async () => (await lab.kernel.attached(it.host.device, "xdp")).length === 0);

  t.is(Number(session), third ?? -1);
});

kernelTest("an interface that is made anew in the window is filtered at once, and the trial begins anew", async (t, lab) => {
  const it = await scene(t, lab);
  it.good(1000, "Good");
  const agent = it.agent("confirm: { timeout: 60s, bake: 4s, every: 100ms }");
  await agent.told("revision confirmed");
  it.good(500, "Other");
  const first = await agent.told("revision applied, to be confirmed");
  const before = await lab.kernel.attached(it.host.device, "xdp");

  ip(`link del ${it.host.device}`);
  await agent.told("interfaces are gone, their chains wait for them");
  ip(`link add ${it.host.device} type veth peer name ${it.host.peer}`);
  const withdrawn = await agent.told("revision withdrawn");
  const second = await agent.told("revision applied, to be confirmed");
  const [anew] = await lab.kernel.attached(it.host.device, "xdp");
  const early = agent.log.filter(({ msg }) => msg === "revision confirmed").length;
  const confirmed = await agent.told("revision confirmed");

  t.is(withdrawn["reason"], `${it.host.device} came while it was tried, so that begins anew`);
  t.not(second["id"], first["id"]);
  t.is(early, 1);
  t.is(before.length, 1);
  t.is(anew?.programId, before[0]?.programId);
  t.is(confirmed["id"], second["id"]);
  t.like(await it.status(), { state: "running", quarantine: [], drift: 0 });
});

kernelTest(
  "an agent whose state directory is moved away in the window takes the change back before it says so, and tries it once more",
  async (t, lab) => {
    const it = await scene(t, lab);
    it.good(1000, "Good");
    const agent = it.agent("confirm: { timeout: 60s, bake: 3s, every: 100ms }");
    await agent.told("revision confirmed");
    it.good(500, "Other");
    await agent.told("revision applied, to be confirmed");

    renameSync(it.host.state, `${it.host.state}.away`);
    const withdrawn = await agent.told("revision withdrawn");
    const again = await agent.told("revision applied, to be confirmed");
    const confirmed = await agent.told("revision confirmed");

    t.is(withdrawn["reason"], "Its records in the state directory are gone, so nobody could confirm it");
    t.like(again, { hooks: [{ action: "update", changes: 1 }] });
    t.is(confirmed["id"], again["id"]);
    const history = json(await it.host.sluice("history", "--json"))["entries"] as { result: string; message: string | null }[];
    t.deepEqual(
      history.map(({ result, message }) => [result, message]),
      [
        ["applied", null],
        ["rolled-back", withdrawn["reason"]],
      ],
    );
    t.like(await it.status(), { state: "running", revision: { subject: "Other" }, drift: 0 });
  },
);

kernelTest(
  "rule 10: when everything is killed in the window, and the journal torn, what was confirmed last comes back before git is asked, never the candidate",
  async (t, lab) => {
    const it = await scene(t, lab);
    it.good(1000, "Good");
    const first = it.agent("confirm: { timeout: 60s, bake: 200ms, every: 100ms }");
    await first.told("revision confirmed");
    await first.stop();
    const [good] = await lab.kernel.attached(it.host.device, "xdp");
    it.cutOff("Cut off");
    const second = it.agent("confirm: { timeout: 60s, bake: 50s }");
    await second.told("revision applied, to be confirmed");
    const cut = !reaches(it.other);

    // The watchdog first: it would take the change back.
    process.kill(watchdogOf(it.host.state) as number, "SIGSTOP");
    second.child.kill("SIGKILL");
    process.kill(watchdogOf(it.host.state) as number, "SIGKILL");
    truncateSync(join(it.host.state, "journal"), 100);
    renameSync(it.policy.path, `${it.policy.path}.away`);
    const third = it.agent("confirm: { timeout: 60s, bake: 50s }");
    const torn = await third.told("unfinished apply found");
    await third.told("brought back to what was applied last");
    await third.told("source fails, the host keeps what it has");
    renameSync(`${it.policy.path}.away`, it.policy.path);
    third.child.kill("SIGHUP");
    await third.told("revision quarantined");

    t.true(cut);
    t.regex(String(torn["detail"]), /journal of an unfinished apply is unreadable/);
    t.true(reaches(it.other));
    t.is((await lab.kernel.attached(it.host.device, "xdp"))[0]?.programId, good?.programId);
  },
);

kernelTest(
  "a change that makes an interface drop more than it may is taken back; by hand it is confirmed from another process",
  async (t, lab) => {
    const it = await scene(t, lab);
    it.good(1000, "Good");
    const limit = `drops: [{ interface: ${it.host.device}, above: 5, packets: 5 }]`;
    const careful = it.agent(`confirm: { timeout: 12s, bake: 4s, every: 100ms, ${limit} }`);
    await careful.told("revision confirmed");
    it.cutOff("Cut off");
    await careful.told("revision applied, to be confirmed");
    burst(it.other);
    const failed = await careful.told("revision rolled back");
    await careful.stop();

    it.good(500, "Better");
    const byHand = it.agent("confirm: { timeout: 30s, bake: 0s, every: 100ms, by: hand }");
    const tried = await byHand.told("revision applied, to be confirmed");
    const confirmed = await it.host.sluice("confirm", tried["id"] as string);
    const told = await byHand.told("revision confirmed");

    t.regex(String(failed["reason"]), /^Failing: drops of in\d+ \(\d+\.\d % of \d+ packets \(limit 5 %\)\)$/);
    t.is(confirmed.exit, 0, confirmed.err);
    t.like(told, { by: "hand", id: tried["id"] });
    t.like(await it.status(), { state: "running", unconfirmed: null, quarantine: [] });
  },
);

kernelTest(
  "a newer commit replaces one that waits, and an agent that is told to stop withdraws its own: neither is quarantined",
  async (t, lab) => {
    const it = await scene(t, lab);
    it.good(1000, "Good");
    const first = it.agent("confirm: { timeout: 60s, bake: 200ms, every: 100ms }");
    await first.told("revision confirmed");
    await first.stop();
    const before = await lab.kernel.attached(it.host.device, "xdp");
    it.cutOff("Cut off");
    const agent = it.agent("confirm: { timeout: 60s, bake: 50s }");
    await agent.told("revision applied, to be confirmed");

    it.good(500, "Mend it");
    const withdrawn = await agent.told("revision withdrawn");
    const next = await agent.told("revision applied, to be confirmed");
    const exit = await agent.stop();

    t.regex(String(withdrawn["reason"]), /^Superseded by main@sha1:/);
    t.like(next, { subject: "Mend it" });
    t.is(exit, 0);
    t.deepEqual(await lab.kernel.attached(it.host.device, "xdp"), before);
    t.like(await it.status(), { state: "running", unconfirmed: null, quarantine: [] });
    t.is(watchdogOf(it.host.state), null);
  },
);

kernelTest("after a reboot the host is filtered before git is asked, and soon", async (t, lab) => {
  const it = await scene(t, lab);
  it.good(1000, "Good");
  const settings = "confirm: { timeout: 60s, bake: 200ms, every: 100ms }";
  const before = it.agent(settings);
  await before.told("revision confirmed");
  await before.stop();
  // What a reboot leaves of bpffs.
  await lab.kernel.detach(`${lab.root}/${it.host.device}/xdp/link`);
  await lab.kernel.unpin((await lab.kernel.pins(lab.root)).map(({ path }) => path));
  renameSync(it.policy.path, `${it.policy.path}.away`);
  const started = performance.now();

  const after = it.agent(settings);
  await until("the device is filtered", async () => (await lab.kernel.attached(it.host.device, "xdp")).length === 1);
  const milliseconds = performance.now() - started;
  await after.told("brought back to what was applied last");
  await after.told("source fails, the host keeps what it has");

  t.log(`filtered ${Math.round(milliseconds)} ms after the agent was started`);
  t.true(milliseconds < 10_000);
  t.like(await it.status(), { state: "running", drift: 0 });
});
