// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { kernelTest } from "../../lab/kernel-test.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { loads, mutations, readCalls, straceInto } from "../acceptance/traced.ts";
import { json, station } from "../cli/station.ts";
import { aboutToChange } from "./about-to-change.ts";
import { endWatchdog, until, watchdogOf } from "./watchdogs.ts";

const stopped = fileURLToPath(new URL("stopped-apply.js", import.meta.url));

for (const when of ["before", "after"]) {
  kernelTest(`rule 4: one that is stopped ${when} the switch, with the lock held, loses the lock and never goes on`, async (t, lab) => {
    const { host, before } = await aboutToChange(t, lab);
    const child = spawn(process.execPath, [stopped, when, host.folder, host.state, lab.root], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (part: Buffer) => (said += part.toString()));
    const end = new Promise<NodeJS.Signals | null>((resolve) => child.once("exit", (_, signal) => resolve(signal)));

    const signal = await end;
    await until("the watchdog has ended", () => watchdogOf(host.state) === null);
    child.kill("SIGCONT");
    const status = json(await host.sluice("status", "--json"));
    const next = await host.sluice("apply", "--yes");

    t.is(signal, "SIGKILL");
    t.is(said, "");
    t.deepEqual(await lab.kernel.attached(host.device, "xdp").then((programs) => programs.length), 1);
    t.like(status, { state: "running", unfinished: false, drift: 0 });
    t.is((status["quarantine"] as object[]).length, 1);
    t.is(next.exit, 0);
    t.notDeepEqual(await lab.kernel.attached(host.device, "xdp"), before);
  });
}

kernelTest("rules 1, 5: one link update there and one back, which loads nothing and needs no policy and no git", async (t, lab) => {
  const host = await station(t, lab);
  endWatchdog(t, host.state);
  host.write("10.0.0.0/8");
  await host.sluice("apply", "--yes");
  host.write("10.0.0.0/8, 192.0.2.0/24");
  const file = join(temporaryFolder(t), "strace");
  const running = runSluice(["apply", "--yes", "--confirm", "3s", "--wait", ...host.host], { cwd: host.folder, below: straceInto(file) });
  await until("it waits to be confirmed", async () => json(await host.sluice("status", "--json"))["state"] === "unconfirmed");
  const there = readCalls(file, host.host).length;
  rmSync(host.folder, { recursive: true });
  rmSync(join(host.state, "cache"), { recursive: true, force: true });

  const run = await running;
  const calls = readCalls(file, host.host);
  const updates = calls.filter(({ command }) => command === "BPF_LINK_UPDATE");
  const back = mutations(calls.slice(there));

  t.is(run.exit, 8, run.err);
  t.is(updates.length, 2);
  t.deepEqual(
    back.filter((call) => !call.startsWith("BPF_MAP_DELETE_ELEM ")),
    [`BPF_LINK_UPDATE ${host.device}/xdp/link`],
  );
  t.deepEqual(loads(calls.slice(there)), []);
});

kernelTest("rule 2: what could not be brought back is refused before anything is made", async (t, lab) => {
  const host = await station(t, lab);
  endWatchdog(t, host.state);
  host.write("10.0.0.0/8");
  await host.sluice("apply", "--yes");
  const before = await lab.kernel.attached(host.device, "xdp");
  const program = (await lab.kernel.pins(lab.root)).find(({ path }) => path.endsWith("/program"));
  await lab.kernel.unpin([program?.path ?? ""]);
  host.write("10.0.0.0/8, 192.0.2.0/24");

  const run = await host.sluice("apply", "--yes", "--confirm", "60s");

  t.is(run.exit, 5, run.err);
  t.regex(run.err, /Cannot apply this to be confirmed: going back would have to /);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), before);
  t.is(watchdogOf(host.state), null);
});

kernelTest("rule 3: no journal, no apply, and no watchdog", async (t, lab) => {
  const host = await station(t, lab);
  endWatchdog(t, host.state);
  host.write("10.0.0.0/8");
  await host.sluice("apply", "--yes");
  const before = await lab.kernel.attached(host.device, "xdp");
  const pins = await lab.kernel.pins(lab.root);
  host.write("10.0.0.0/8, 192.0.2.0/24");

  const failing = straceInto(join(temporaryFolder(t), "strace"), "rename:error=ENOSPC:when=1+");
  const refused = await runSluice(["apply", "--yes", "--confirm", "60s", ...host.host], { cwd: host.folder, below: failing });

  t.is(refused.exit, 6, refused.err);
  t.regex(refused.err, /Cannot write ".*journal": /);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), before);
  t.deepEqual(await lab.kernel.pins(lab.root), pins);
  t.is(watchdogOf(host.state), null);
});

kernelTest("rules 4, 9: without a watchdog nothing is applied, and what was begun is undone", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  await host.sluice("apply", "--yes");
  const before = await lab.kernel.attached(host.device, "xdp");
  const pins = await lab.kernel.pins(lab.root);
  host.write("10.0.0.0/8, 192.0.2.0/24");
  mkdirSync(join(host.state, "watchdog.sock", "in-the-way"), { recursive: true });

  const run = await host.sluice("apply", "--yes", "--confirm", "60s");

  t.is(run.exit, 6, run.err);
  t.regex(run.err, /Cannot watch over the change, so it is not made: /);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), before);
  t.deepEqual(await lab.kernel.pins(lab.root), pins);
  t.like(json(await host.sluice("status", "--json")), { state: "running", unfinished: false });
});

kernelTest(
  "rule 8: a watchdog that is stopped cannot disarm; it is killed before the change is confirmed, and never wakes up",
  async (t, lab) => {
    const host = await station(t, lab);
    endWatchdog(t, host.state);
    host.write("10.0.0.0/8");
    const applied = await host.sluice("apply", "--yes", "--confirm", "6s", "--json");
    const running = await lab.kernel.attached(host.device, "xdp");
    const watchdog = watchdogOf(host.state) as number;
    process.kill(watchdog, "SIGSTOP");

    const confirmed = await host.sluice("confirm", json(applied)["id"] as string);
    await until("the deadline is over", () => Date.now() > Date.parse(json(applied)["until"] as string) + 500);

    t.is(confirmed.exit, 0, confirmed.err);
    t.throws(() => process.kill(watchdog, 0), { code: "ESRCH" });
    t.deepEqual(await lab.kernel.attached(host.device, "xdp"), running);
  },
);
