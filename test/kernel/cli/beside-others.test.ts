// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { lockState } from "../../../reconciler/state/lock.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { main, type Run } from "../../reconciler/cli/run-sluice.ts";
import { json, type Station, station } from "./station.ts";

/** Runs `sluice apply` on a terminal of its own, and types something when it asks. */
function applyOnTerminal({ folder, host }: Station, typed: string): Promise<Run> {
  const command = [process.execPath, main, "apply", ...host].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["--quiet", "--return", "--command", `cd '${folder}' && exec ${command}`, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", TERM: "dumb" },
  });
  let out = "";
  child.stdout.on("data", (part: Buffer) => {
    if (!out.includes("[y/N]") && `${out}${part.toString()}`.includes("[y/N]")) child.stdin.write(typed);
    out += part.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exit) => resolve({ exit, out, err: "" }));
  });
}

kernelTest("sluice apply on a terminal shows the plan and asks: no and Ctrl-C leave everything, yes applies", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");

  const no = await applyOnTerminal(host, "n\n");
  const interrupted = await applyOnTerminal(host, "\x03");
  t.deepEqual(await lab.kernel.pins(lab.root), []);
  const yes = await applyOnTerminal(host, "y\n");

  t.is(no.exit, 5, no.out);
  t.regex(no.out, /Plan: 2 to add.*Apply this to edge-03\? \[y\/N\]/s);
  t.is(interrupted.exit, 130, interrupted.out);
  t.is(yes.exit, 0, yes.out);
  t.is((await lab.kernel.attached(host.device, "xdp")).length, 1);
});

kernelTest("sluice apply beside another writer ends with 9 and says who that is", async (t, lab) => {
  const { state, write, sluice } = await station(t, lab);
  write("10.0.0.0/8");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  const lock = await lockState(state);
  t.teardown(() => lock.release());
  write("172.16.0.0/12");

  const { exit, err } = await sluice("apply", "--yes");

  t.is(exit, 9);
  t.regex(err, new RegExp(`^Error: Cannot lock "${state}": process ${process.pid} `));
  t.like(await sluice("plan", "--detailed-exitcode"), { exit: 2 });
});

kernelTest("sluice apply leaves somebody else's XDP program alone, and ends with 5", async (t, lab) => {
  const { device, folder, write, sluice } = await station(t, lab);
  const object = join(dirname(folder), "other.o");
  writeFileSync(object, lab.compile('__attribute__((section("xdp"), used)) int other(void *ctx) { return 2; }', "other"));
  ip(`link set dev ${device} xdpgeneric obj ${object} sec xdp`);
  const [before] = await lab.kernel.attached(device, "xdp");
  write("10.0.0.0/8");

  const { exit, err } = await sluice("apply", "--yes");

  t.is(exit, 5, err);
  t.true(err.includes(String(before?.programId)), err);
  t.deepEqual(await lab.kernel.attached(device, "xdp"), before === undefined ? [] : [before]);
});

kernelTest("sluice agent follows a folder, status sees it, and stopping it leaves the chain", async (t, lab) => {
  const { device, folder, host, write, sluice } = await station(t, lab);
  write("10.0.0.0/8");
  const agent = spawn(process.execPath, [main, "agent", "--dir", folder, ...host], { stdio: ["ignore", "ignore", "pipe"] });
  const log: string[] = [];
  const ended = new Promise((resolve) => agent.on("close", resolve));
  t.teardown(() => agent.kill("SIGKILL"));
  await new Promise<void>((resolve, reject) => {
    agent.on("close", () => reject(new Error(log.join(""))));
    agent.stderr.on("data", (part: Buffer) => {
      log.push(part.toString());
      if (log.join("").includes("revision applied")) resolve();
    });
  });

  const status = json(await sluice("status", "--json"));
  agent.kill("SIGTERM");

  t.is(await ended, 0);
  t.like(status, { state: "running", agent: { kind: "alive", status: { pid: agent.pid } } });
  t.is((await lab.kernel.attached(device, "xdp")).length, 1);
  t.like(json(await sluice("status", "--json")), { state: "running", agent: { kind: "absent" } });
});

kernelTest("sluice drift --heal and apply wait for an agent that is at work for a moment", async (t, lab) => {
  const { state, device, write, sluice } = await station(t, lab);
  write("10.0.0.0/8");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  await lab.kernel.detach(`${lab.root}/${device}/xdp/link`);

  for (const command of [
    ["drift", "--heal"],
    ["apply", "--yes"],
  ]) {
    const lock = await lockState(state);
    const ending = sluice(...command);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    lock.release();
    const { exit, err } = await ending;
    t.is(exit, 0, err);
    write("172.16.0.0/12");
  }

  t.like(await sluice("drift", "--detailed-exitcode"), { exit: 0 });
});
